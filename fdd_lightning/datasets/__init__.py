"""Data sets as plain torch: how biased images are built, kept on disk and read; nothing here imports Lightning."""

from fdd_lightning.datasets.image_set import ImageSet
from fdd_lightning.datasets.split import Split

__all__ = ["ImageSet", "Split"]
