"""Signals: what of the images is matched."""

from fdd_lightning.matching.signals.base import ClassBatch, Layers, Signal
from fdd_lightning.matching.signals.features import Features
from fdd_lightning.matching.signals.gradients import Gradients
from fdd_lightning.matching.signals.maps import Maps

__all__ = ["ClassBatch", "Features", "Gradients", "Layers", "Maps", "Signal"]
