"""FairDD's coloured MNIST and Fashion-MNIST (zqhang/FairDD: data_handler): who gets which colour, lopsided padding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from fdd_lightning.datamodules.original import FromOriginal
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.assignment import class_sizes, deal, fairdd_cells
from fdd_lightning.datasets.colors import FAIRDD_COLOR_NAMES, FAIRDD_COLORS
from fdd_lightning.utils import rng

NUM_CLASSES = len(FAIRDD_COLORS)
UNBIASED = 1 / NUM_CLASSES
"""Majority share of the test split, and of the training split of the unbiased twin."""

Painter = Callable[[Tensor, Tensor], Tensor]
"""Paints grey levels, uint8, (N, H, W), in one colour each, uint8, (N, 3): uint8, (N, 3, H, W)."""


def fairdd_colored(
    images: Tensor, labels: Tensor, majority: float, paint: Painter, seed: int, name: str, split: str
) -> Split:
    """Build one split.

    Of a class of n images int(n * majority) get its own colour, the rest goes in chunks to the nine others (see
    :func:`~fdd_lightning.datasets.assignment.fairdd_cells`); then the whole split is shuffled. Images are padded by
    four rows and columns at the top and on the left only, as in the published code.

    Args:
        images: uint8, (N, 28, 28).
        labels: int64, (N,).
        majority: Share of a class in its own colour (the paper's rho): 0.9 for training, 0.1 for the test.
        paint: Paints the padded images.
        seed: Seed of all draws.
        name: Names the draws: sets of one name have the same assignment and order.
        split: ``train`` or ``test``; names the draws as well.

    Returns:
        The split, (N, 3, 32, 32).
    """
    sizes = class_sizes(labels, NUM_CLASSES)
    cells = fairdd_cells(sizes, NUM_CLASSES, majority, rng.generator(seed, name, split, "cells"))
    groups = deal(labels, cells, rng.generator(seed, name, split, "deal"))
    order = torch.randperm(len(labels), generator=rng.generator(seed, name, split, "order"))
    labels, groups = labels[order], groups[order]
    return Split(paint(pad(images[order], (4, 0, 4, 0)), FAIRDD_COLORS[groups]), labels, groups)


class FairDDColored(FromOriginal, ABC):
    """Base of FairDD's ten-colour sets: majority share 1 - conflict_ratio in training, a tenth in the test.

    Attributes:
        draws: Names the draws: sets of one name have the same assignment and order under one seed.
    """

    group_names = FAIRDD_COLOR_NAMES
    draws: str

    @staticmethod
    @abstractmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint images, uint8, (N, H, W), in one colour each, uint8, (N, 3): uint8, (N, 3, H, W)."""

    def build(self) -> dict[str, Split]:
        """Build both splits (see :func:`fairdd_colored`)."""
        # Rounded, because 1 - 0.1 need not be the 0.9 of the published rule in floating point.
        majority = UNBIASED if self.conflict_ratio is None else round(1 - self.conflict_ratio, 12)
        return {
            name: fairdd_colored(*self.load(train=name == "train"), share, self.paint, self.seed, self.draws, name)
            for name, share in (("train", majority), ("test", UNBIASED))
        }
