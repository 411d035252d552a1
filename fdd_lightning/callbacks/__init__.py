"""Callbacks: what is shown while a stage runs."""

from fdd_lightning.callbacks.checkpoint import ClockCheckpoint
from fdd_lightning.callbacks.grid import ImageGrid
from fdd_lightning.callbacks.opening import Opening
from fdd_lightning.callbacks.progress import StageProgress

__all__ = ["ClockCheckpoint", "ImageGrid", "Opening", "StageProgress"]
