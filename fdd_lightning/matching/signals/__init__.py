"""Signals: what of the images is matched."""

from fdd_lightning.matching.signals.base import ClassBatch, Layers, Signal
from fdd_lightning.matching.signals.features import Features

__all__ = ["ClassBatch", "Features", "Layers", "Signal"]
