"""Algorithms: ways to train a classifier on a real or synthetic set, plain and debiased."""

from fdd_lightning.algorithms.base import Algorithm, AlgorithmFactory, Batch
from fdd_lightning.algorithms.dfa import DFA
from fdd_lightning.algorithms.erm import ERM
from fdd_lightning.algorithms.group_dro import GroupDRO
from fdd_lightning.algorithms.group_labels import Reweighted
from fdd_lightning.algorithms.lff import LfF
from fdd_lightning.algorithms.selecmix import SelecMix, SelecMixLfF
from fdd_lightning.algorithms.stack import Stack

__all__ = [
    "DFA",
    "ERM",
    "Algorithm",
    "AlgorithmFactory",
    "Batch",
    "GroupDRO",
    "LfF",
    "Reweighted",
    "SelecMix",
    "SelecMixLfF",
    "Stack",
]
