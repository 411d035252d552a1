"""CIFAR10-S as FairDD builds it: five classes mostly in grey, five mostly in colour."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.datamodules.original import FromOriginal
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.assignment import deal
from fdd_lightning.datasets.originals import CIFAR10
from fdd_lightning.utils import rng

NUM_CLASSES = 10
GREY, COLOR = 0, 1
UNBIASED = 0.5
"""Share of each class in the group that is not its own, in the training split of the unbiased twin."""

ALIGNED = torch.tensor([[c < 5, c >= 5] for c in range(NUM_CLASSES)])
"""Classes 0 to 4 belong in grey, 5 to 9 in colour."""


def grey(images: Tensor) -> Tensor:
    """Turn colour into grey as Pillow does (mode L), in three equal channels.

    Args:
        images: uint8, (n, 3, H, W).

    Returns:
        uint8, (n, 3, H, W).
    """
    total = torch.full((len(images), 1, *images.shape[2:]), 1 << 15, dtype=torch.int32)
    for channel, weight in enumerate((19595, 38470, 7471)):  # 0.299, 0.587, 0.114, times 2^16
        total += images[:, channel : channel + 1].to(torch.int32) * weight
    return (total >> 16).to(torch.uint8).expand(images.shape)


class CIFAR10S(FromOriginal):
    """CIFAR10-S: airplanes to deer mostly in grey, dogs to trucks mostly in colour; 50,000 and 20,000 images, 32x32.

    The test set has every image in grey and in colour.

    Args:
        conflict_ratio: Share of each training class that is in colour where its class is mostly grey, and the other way
            round; null for the unbiased twin, half grey and half colour.

    Example:
        >>> CIFAR10S().group_names
        ('grey', 'color')
    """

    name = "cifar10_s"
    origin = CIFAR10
    group_names = ("grey", "color")
    mean = (0.48905, 0.48451, 0.46715)
    std = (0.24278, 0.24082, 0.25098)

    @property
    def aligned(self) -> Tensor | None:
        """Classes 0 to 4 in grey, 5 to 9 in colour; None for the unbiased twin."""
        return None if self.conflict_ratio is None else ALIGNED

    def construct(self, images: Tensor, labels: Tensor, split: str) -> Split:
        """Build one split.

        For training the whole is shuffled; of a class's n images the last round(n * conflict_ratio) (in that order) are
        in the group that is not its own. For the test every image is there twice: first all in grey, then all in
        colour, in CIFAR-10's order.
        """
        if split == "test":
            groups = torch.tensor([GREY, COLOR]).repeat_interleave(len(labels))
            return Split([grey(images), images], labels.repeat(2), groups)
        sizes = torch.bincount(labels, minlength=NUM_CLASSES)
        other = (sizes * (UNBIASED if self.conflict_ratio is None else self.conflict_ratio)).round().to(torch.int64)
        cells = torch.where(ALIGNED, (sizes - other)[:, None], other[:, None])
        groups = deal(labels, cells, rng.generator(self.seed, "cifar10_s", split, "deal"))
        order = torch.randperm(len(labels), generator=rng.generator(self.seed, "cifar10_s", split, "order"))
        images, labels, groups = images[order], labels[order], groups[order]
        images[groups == GREY] = grey(images[groups == GREY])
        return Split(images, labels, groups)
