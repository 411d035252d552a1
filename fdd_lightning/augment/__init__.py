"""Augmentations: random, differentiable changes of images that keep their label."""

from fdd_lightning.augment.base import Augmentation, NoAugmentation
from fdd_lightning.augment.dsa import DSA, DiffAug

__all__ = ["DSA", "Augmentation", "DiffAug", "NoAugmentation"]
