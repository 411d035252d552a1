"""What an augmentation is, and the two ways to combine the operations of siamese augmentation: DSA's and IDC's."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from fdd_lightning.augment.operations import OPERATIONS, strategy_names
from fdd_lightning.configuration.choices import Choice


class Augmentation(Choice, ABC):
    """Base of every augmentation: random, differentiable, of unchanged shape, and without a state.

    Example:
        >>> class Noise(Augmentation):
        ...     def __call__(self, images, generator, *, siamese):
        ...         return images + torch.randn(images.shape[siamese:], generator=generator)
        >>> Noise()(torch.zeros(2, 3, 8, 8), torch.Generator(), siamese=True).shape
        torch.Size([2, 3, 8, 8])
    """

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
    """Returns the images as they are and draws nothing.

    Example:
        >>> NoAugmentation()(torch.ones(1), torch.Generator(), siamese=True)
        tensor([1.])
    """

    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return ``images``."""
        return images


class DSA(Augmentation):
    """Applies exactly one operation, drawn uniformly, to the whole batch (Zhao & Bilen, ICML 2021; their mode "S").

    The authors advise the full strategy for objects and clothes, and to leave ``flip`` out for digits.

    Args:
        strategy: Names joined by ``_``, out of color, crop, cutout, flip, scale, rotate.

    Example:
        >>> first, second = (torch.Generator().manual_seed(0) for _ in range(2))
        >>> image = torch.rand(1, 3, 8, 8)
        >>> DSA()(image, first, siamese=True).equal(DSA()(image.repeat(2, 1, 1, 1), second, siamese=True)[:1])
        True
    """

    def __init__(self, strategy: str = "color_crop_cutout_flip_scale_rotate") -> None:
        self.names = strategy_names(strategy, "DSA")

    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return augmented images; see :class:`Augmentation`."""
        name = self.names[int(torch.randint(len(self.names), (1,), generator=generator))]
        return _augmented(images, [name], generator, siamese)


class DiffAug(Augmentation):
    """Flip and color whenever listed, then exactly one of crop, scale and rotate, then cutout whenever listed (IDC).

    snu-mllab/Efficient-Dataset-Condensation, ``misc/augment.py``; DSA, in contrast, applies one operation in all.

    Args:
        strategy: Names joined by ``_``, out of color, crop, cutout, flip, scale, rotate.

    Example:
        >>> DiffAug("color_crop")(torch.rand(2, 3, 8, 8), torch.Generator(), siamese=False).shape
        torch.Size([2, 3, 8, 8])
    """

    def __init__(self, strategy: str = "color_crop_cutout") -> None:
        self.names = strategy_names(strategy, "DiffAug")

    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return augmented images; see :class:`Augmentation`."""
        names: list[str] = [name for name in ("flip", "color") if name in self.names]
        one_of = [name for name in self.names if name not in ("flip", "color", "cutout")]
        if one_of:
            names.append(one_of[int(torch.randint(len(one_of), (1,), generator=generator))])
        if "cutout" in self.names:
            names.append("cutout")
        return _augmented(images, names, generator, siamese)


def _augmented(images: Tensor, names: list[str], generator: torch.Generator, siamese: bool) -> Tensor:
    """Apply operations one after another, each with parameters drawn anew."""
    height, width = images.shape[-2:]
    for name in names:
        operation = OPERATIONS[name]
        images = operation.apply(images, operation.draw(1 if siamese else len(images), (height, width), generator))
    return images
