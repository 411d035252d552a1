"""Learners: ways to train a classifier on a real or synthetic set."""

from fdd_lightning.learners.base import Batch, Learner, LearnerFactory
from fdd_lightning.learners.dfa import DFA
from fdd_lightning.learners.erm import ERM
from fdd_lightning.learners.group_dro import GroupDRO
from fdd_lightning.learners.lff import LfF
from fdd_lightning.learners.regime import Regime
from fdd_lightning.learners.reweighted import Reweighted
from fdd_lightning.learners.selecmix import SelecMix, SelecMixLfF

__all__ = [
    "DFA",
    "ERM",
    "Batch",
    "GroupDRO",
    "Learner",
    "LearnerFactory",
    "LfF",
    "Regime",
    "Reweighted",
    "SelecMix",
    "SelecMixLfF",
]
