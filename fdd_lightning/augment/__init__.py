"""Augmentations: random, differentiable changes of images that keep their label."""

from fdd_lightning.augment.dsa import DSA, Augmentation, DiffAug, NoAugmentation

__all__ = ["DSA", "Augmentation", "DiffAug", "NoAugmentation"]
