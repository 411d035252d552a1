"""Learners: ways to train a classifier on a real or synthetic set."""

from fdd_lightning.learners.base import Learner, LearnerFactory
from fdd_lightning.learners.erm import ERM

__all__ = ["ERM", "Learner", "LearnerFactory"]
