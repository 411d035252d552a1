"""What an augmentation is, and none."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice


class Augmentation(Choice, ABC):
    """Base of every augmentation: random, differentiable, of unchanged shape, and without a state."""

    @abstractmethod
    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return augmented images.

        Args:
            images: Normalised images (N, C, H, W) on any device; they are not changed.
            generator: CPU generator of the draws, whatever the images' device.
            siamese: Whether one set of parameters serves the whole batch. The draws then do not depend on N either, so
                that an equally seeded generator gives another batch the same parameters (Zhao & Bilen, ICML 2021).
                Otherwise every image has its own.

        Returns:
            Images of the same shape, through which gradients reach ``images``.
        """


class NoAugmentation(Augmentation):
    """Returns the images as they are and draws nothing."""

    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return ``images``."""
        return images
