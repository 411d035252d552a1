"""IDC's way of combining the operations of DSA."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.augment.base import Augmentation
from fdd_lightning.augment.operations import OPERATIONS, strategy_names

ALWAYS = ("flip", "color")


class DiffAug(Augmentation):
    """Flip and color whenever listed, then exactly one of crop, scale and rotate, then cutout whenever listed (IDC).

    snu-mllab/Efficient-Dataset-Condensation, ``misc/augment.py``; DSA, in contrast, applies one operation in all.

    Args:
        strategy: Names joined by ``_``, out of color, crop, cutout, flip, scale, rotate.

    Raises:
        ConfigError: The strategy names an operation that does not exist, or names one twice.
    """

    def __init__(self, strategy: str = "color_crop_cutout") -> None:
        self.names = strategy_names(strategy, "DiffAug")

    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return augmented images; see :class:`~fdd_lightning.augment.base.Augmentation`."""
        one_of = [name for name in self.names if name not in (*ALWAYS, "cutout")]
        chosen = [name for name in ALWAYS if name in self.names]
        if one_of:
            chosen.append(one_of[int(torch.randint(len(one_of), (1,), generator=generator))])
        if "cutout" in self.names:
            chosen.append("cutout")
        height, width = images.shape[-2:]
        for name in chosen:
            operation = OPERATIONS[name]
            images = operation.apply(images, operation.draw(1 if siamese else len(images), (height, width), generator))
        return images
