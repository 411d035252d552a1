"""DSA: differentiable siamese augmentation."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.augment.base import Augmentation
from fdd_lightning.augment.operations import OPERATIONS, strategy_names


class DSA(Augmentation):
    """Applies exactly one operation, drawn uniformly, to the whole batch (Zhao & Bilen, ICML 2021; their mode "S").

    The authors advise the full strategy for objects and clothes, and to leave ``flip`` out for digits.

    Args:
        strategy: Names joined by ``_``, out of color, crop, cutout, flip, scale, rotate.

    Raises:
        ConfigError: The strategy names an operation that does not exist, or names one twice.
    """

    def __init__(self, strategy: str = "color_crop_cutout_flip_scale_rotate") -> None:
        self.names = strategy_names(strategy, "DSA")

    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return augmented images; see :class:`~fdd_lightning.augment.base.Augmentation`."""
        chosen = self.names[int(torch.randint(len(self.names), (1,), generator=generator))]
        operation = OPERATIONS[chosen]
        height, width = images.shape[-2:]
        parameters = operation.draw(1 if siamese else len(images), (height, width), generator)
        return operation.apply(images, parameters)
