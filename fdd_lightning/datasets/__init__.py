"""Data sets as plain torch: how biased images are built, kept on disk and read; nothing here imports Lightning."""

from fdd_lightning.datasets.image_set import ImageSet, Split

__all__ = ["ImageSet", "Split"]
