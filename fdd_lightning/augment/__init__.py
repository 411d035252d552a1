"""Augmentations: random, differentiable changes of images that keep their label."""

from fdd_lightning.augment.base import Augmentation
from fdd_lightning.augment.diffaug import DiffAug
from fdd_lightning.augment.dsa import DSA
from fdd_lightning.augment.none import NoAugmentation

__all__ = ["DSA", "Augmentation", "DiffAug", "NoAugmentation"]
