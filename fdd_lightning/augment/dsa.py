"""What an augmentation is, and the two ways to combine the operations of siamese augmentation: DSA's and IDC's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from fdd_lightning.augment.operations import OPERATIONS, Size, strategy_names
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

    def many(self, batches: Sequence[Tensor], generators: Sequence[Generator], *, siamese: bool) -> list[Tensor]:
        """Return several batches, each augmented by its own draws as if it were alone.

        Args:
            batches: Normalised images (N, C, H, W) each; they are not changed.
            generators: CPU generators, one a batch.
            siamese: Whether one set of parameters serves a whole batch; otherwise every image has its own.

        Returns:
            Batches of the same shapes.
        """
        return [self(batch, generator, siamese=siamese) for batch, generator in zip(batches, generators, strict=True)]


class NoAugmentation(Augmentation):
    """Returns the images as they are and draws nothing.

    Example:
        >>> NoAugmentation()(torch.ones(1), torch.Generator(), siamese=True)
        tensor([1.])
    """

    def __call__(self, images: Tensor, generator: torch.Generator, *, siamese: bool) -> Tensor:
        """Return ``images``."""
        return images


class _Operations(Augmentation):
    """Base of those that apply operations one after another, each with parameters drawn anew."""

    @abstractmethod
    def chosen(self, generator: Generator) -> list[str]:
        """Return which operations a batch gets, always equally many."""

    def _drawn(self, count: int, size: Size, generator: Generator) -> list[tuple[str, Tensor]]:
        """Return the operations of a batch and their parameters for ``count`` images."""
        return [(name, OPERATIONS[name].draw(count, size, generator)) for name in self.chosen(generator)]

    def __call__(self, images: Tensor, generator: Generator, *, siamese: bool) -> Tensor:
        """Return augmented images; see :class:`Augmentation`."""
        height, width = images.shape[-2:]
        for name, parameters in self._drawn(1 if siamese else len(images), (height, width), generator):
            images = OPERATIONS[name].apply(images, parameters)
        return images

    def many(self, batches: Sequence[Tensor], generators: Sequence[Generator], *, siamese: bool) -> list[Tensor]:
        """Return several augmented batches; those that get the same operation get it in one call.

        Siamese ones on a CPU, where a call costs little, get it one by one: one set of parameters is applied faster.
        """
        if siamese and batches[0].device.type == "cpu":
            return super().many(batches, generators, siamese=True)
        height, width = batches[0].shape[-2:]
        counts = [1 if siamese else len(batch) for batch in batches]
        drawn = [self._drawn(n, (height, width), own) for n, own in zip(counts, generators, strict=True)]
        found = list(batches)
        for together in zip(*drawn, strict=True):
            for name in dict.fromkeys(name for name, _ in together):
                alike = [number for number, (own, _) in enumerate(together) if own == name]
                images, parameters = [found[number] for number in alike], [together[number][1] for number in alike]
                if siamese:  # one set for each batch: repeated for all of its images
                    pairs = zip(parameters, images, strict=True)
                    parameters = [own.expand(len(batch), *own.shape[1:]) for own, batch in pairs]
                changed = OPERATIONS[name].apply(torch.cat(images), torch.cat(parameters))
                for number, batch in zip(alike, changed.split([len(batch) for batch in images]), strict=True):
                    found[number] = batch
        return found


class DSA(_Operations):
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

    def chosen(self, generator: Generator) -> list[str]:
        """Return the one operation."""
        return [self.names[int(torch.randint(len(self.names), (1,), generator=generator))]]


class DiffAug(_Operations):
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

    def chosen(self, generator: Generator) -> list[str]:
        """Return flip and color, the one drawn, and cutout."""
        names: list[str] = [name for name in ("flip", "color") if name in self.names]
        one_of = [name for name in self.names if name not in ("flip", "color", "cutout")]
        if one_of:
            names.append(one_of[int(torch.randint(len(one_of), (1,), generator=generator))])
        if "cutout" in self.names:
            names.append("cutout")
        return names
