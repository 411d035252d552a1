"""FairDD's coloured MNIST and Fashion-MNIST (zqhang/FairDD: data_handler): assignment and painting.

C-MNIST has flat colours and a hard mask; Cui et al.'s CMNIST is another data set, in ``cmnist.py``. C-FMNIST keeps grey
levels. Its published background overflows: its ramp starts from 255 on a scale that ends at 1, so that the cast to
bytes wraps the garments around, modulo 256. Results of the paper are results on those bytes; what was meant is here as
well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import pad

from fdd_lightning.datamodules.original import FromOriginal
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.assignment import deal, fairdd_cells
from fdd_lightning.datasets.colors import FAIRDD_COLOR_NAMES, FAIRDD_COLORS, tint
from fdd_lightning.datasets.originals import FASHION_MNIST, MNIST
from fdd_lightning.utils import rng

NUM_CLASSES = len(FAIRDD_COLORS)
UNBIASED = 1 / NUM_CLASSES
"""Majority share of the test split, and of the training split of the unbiased twin."""

THRESHOLD = 128
"""Grey level from which a pixel belongs to the digit of C-MNIST."""

_CHUNK = 4096  # images painted at a time, so that the float copy stays small


class FairDDColored(FromOriginal, ABC):
    """Base of FairDD's ten-colour sets: majority share 1 - conflict_ratio in training, a tenth in the test.

    Images are padded by four rows and columns at the top and on the left only, as in the published code.

    Attributes:
        draws: Names the draws: sets of one name have the same assignment and order under one seed.

    Example:
        >>> CMNISTForeground.paint(torch.tensor([[[0, 200]]]), torch.tensor([[255, 128, 0]])).tolist()
        [[[[0, 255]], [[0, 128]], [[0, 0]]]]
    """

    group_names = FAIRDD_COLOR_NAMES
    draws: str

    @staticmethod
    @abstractmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint images, uint8, (N, H, W), in one colour each, uint8, (N, 3): uint8, (N, 3, H, W)."""

    def construct(self, images: Tensor, labels: Tensor, split: str) -> Split:
        """Build one split.

        Of a class of n images int(n * majority) get its own colour (majority is the paper's rho), the rest goes in
        chunks to the nine others (see :func:`~fdd_lightning.datasets.assignment.fairdd_cells`); then the whole split is
        shuffled.
        """
        majority = UNBIASED
        if split == "train" and self.conflict_ratio is not None:
            # Rounded, because 1 - 0.1 need not be the 0.9 of the published rule in floating point.
            majority = round(1 - self.conflict_ratio, 12)
        sizes = torch.bincount(labels, minlength=NUM_CLASSES)
        cells = fairdd_cells(sizes, NUM_CLASSES, majority, rng.generator(self.seed, self.draws, split, "cells"))
        groups = deal(labels, cells, rng.generator(self.seed, self.draws, split, "deal"))
        order = torch.randperm(len(labels), generator=rng.generator(self.seed, self.draws, split, "order"))
        labels, groups = labels[order], groups[order]
        return Split(self.paint(pad(images[order], (4, 0, 4, 0)), FAIRDD_COLORS[groups]), labels, groups)


class _CMNIST(FairDDColored, ABC):
    origin = MNIST
    draws = "cmnist_fairdd"


class CMNISTForeground(_CMNIST):
    """C-MNIST (FG): the digit in one of ten flat colours, on black; 60,000 and 10,000 images, 32x32.

    Example:
        >>> CMNISTForeground(conflict_ratio=0.05).group_names[:2]
        ('red', 'orange')
    """

    name = "cmnist_fg"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint the digit (grey levels from 128 on) in flat colour, the rest black."""
        return (grey >= THRESHOLD)[:, None] * colors[:, :, None, None]


class CMNISTBackground(_CMNIST):
    """C-MNIST (BG): a black digit on one of ten flat colours; 60,000 and 10,000 images, 32x32.

    Example:
        >>> CMNISTBackground(conflict_ratio=0.05).image_shape
        (3, 32, 32)
    """

    name = "cmnist_bg"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint what is around the digit (grey levels below 128) in flat colour, the digit black."""
        return (grey < THRESHOLD)[:, None] * colors[:, :, None, None]


class _CFMNIST(FairDDColored, ABC):
    origin = FASHION_MNIST
    draws = "cfmnist"


class CFMNISTForeground(_CFMNIST):
    """C-FMNIST (FG): the garment in shades of one of ten colours, on black; 60,000 and 10,000 images, 32x32.

    Example:
        >>> CFMNISTForeground(conflict_ratio=0.05).group_names[:2]
        ('red', 'orange')
    """

    name = "cfmnist_fg"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint the garment: colour times grey."""
        return tint(grey, colors)


class CFMNISTBackground(_CFMNIST):
    """C-FMNIST (BG) as published: garments of wrapped bytes on one of ten colours; 60,000 and 10,000 images, 32x32.

    The published code overflows; the paper's figures are for these images.

    Example:
        >>> CFMNISTBackground().class_names[-1]
        'Ankle boot'
    """

    name = "cfmnist_bg"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint what is around the garment, with the published overflow.

        With d = (255 - grey) / 255 a byte is 255 * (255 + d * (colour / 255 - 255)), truncated and taken modulo 256,
        in single precision: about (255 - grey) * colour / 255 - grey. The background is right, the garment a sawtooth.
        """
        painted = torch.empty(len(grey), 3, *grey.shape[1:], dtype=torch.uint8)
        for first in range(0, len(grey), _CHUNK):
            part = slice(first, first + _CHUNK)
            dark = (255.0 - grey[part, None].float()) / 255.0
            ramp = 255.0 + dark * (colors[part, :, None, None].float() / 255.0 - 255.0)
            # By way of integers: what a cast from float to byte does beyond 255 is left to the processor.
            painted[part] = (ramp * 255).to(torch.int32).bitwise_and_(255)
        return painted


class CFMNISTBackgroundIntended(_CFMNIST):
    """C-FMNIST (BG) as intended: dark garments on one of ten colours; 60,000 and 10,000 images, 32x32.

    There are no published figures for it: those of the paper are for ``cfmnist_bg``, whose bytes overflow.

    Example:
        >>> CFMNISTBackgroundIntended(conflict_ratio=None).aligned is None
        True
    """

    name = "cfmnist_bg_intended"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint what is around the garment; the garment runs from that colour to black, the brighter the darker.

        To black, as the published code says beside the ramp and as C-MNIST has it, not to the white that its
        overflowing start stands for: a garment on white would then be white.
        """
        return tint(255 - grey, colors)
