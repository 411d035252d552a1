"""No augmentation."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.augment.base import Augmentation


class NoAugmentation(Augmentation):
    """Returns the images as they are and draws nothing."""

    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return ``images``."""
        return images
