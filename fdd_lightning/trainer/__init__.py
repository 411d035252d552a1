"""The trainer: Lightning's, with the stages ``distill`` and ``eval`` beside ``fit``."""

from fdd_lightning.trainer.trainer import FDDTrainer, hushed

__all__ = ["FDDTrainer", "hushed"]
