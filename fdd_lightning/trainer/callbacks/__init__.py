"""Callbacks: what is shown while a stage runs."""

from fdd_lightning.trainer.callbacks.checkpoint import ClockCheckpoint
from fdd_lightning.trainer.callbacks.grid import ImageGrid
from fdd_lightning.trainer.callbacks.opening import Opening
from fdd_lightning.trainer.callbacks.progress import StageProgress

__all__ = ["ClockCheckpoint", "ImageGrid", "Opening", "StageProgress"]
