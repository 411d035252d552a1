"""C-MNIST foreground and background as FairDD builds them (zqhang/FairDD: data_handler): flat colours, hard mask.

Cui et al.'s CMNIST is another data set (:mod:`fdd_lightning.datasets.cmnist`).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from fdd_lightning import rng
from fdd_lightning.datasets.assignment import class_sizes, deal, fairdd_cells
from fdd_lightning.datasets.colors import FAIRDD_COLORS
from fdd_lightning.datasets.split import Split

NUM_CLASSES = len(FAIRDD_COLORS)
UNBIASED = 1 / NUM_CLASSES
"""Majority share of the test split, and of the training split of the unbiased twin."""

THRESHOLD = 128

Ground = Literal["foreground", "background"]


def cmnist_fairdd(images: Tensor, labels: Tensor, majority: float, ground: Ground, seed: int, split: str) -> Split:
    """Build one split.

    Of a class of n images int(n * majority) get its own colour, the rest goes in chunks to the nine others (see
    :func:`~fdd_lightning.datasets.assignment.fairdd_cells`); then the whole split is shuffled. The digit is padded by
    four rows and columns at the top and on the left only, as in the published code.

    Args:
        images: uint8, (N, 28, 28).
        labels: int64, (N,).
        majority: Share of a class in its own colour (the paper's rho): 0.9 for training, 0.1 for the test.
        ground: Whether the digit is coloured (on black) or what is around it (the digit black).
        seed: Seed of all draws.
        split: ``train`` or ``test``; names the draws.

    Returns:
        The split, (N, 3, 32, 32). Both grounds have the same assignment and order under one seed.
    """
    cells = fairdd_cells(
        class_sizes(labels, NUM_CLASSES), NUM_CLASSES, majority, rng.generator(seed, "cmnist_fairdd", split, "cells")
    )
    groups = deal(labels, cells, rng.generator(seed, "cmnist_fairdd", split, "deal"))
    order = torch.randperm(len(labels), generator=rng.generator(seed, "cmnist_fairdd", split, "order"))
    labels, groups = labels[order], groups[order]
    digit = pad(images[order], (4, 0, 4, 0)) >= THRESHOLD
    shown = digit if ground == "foreground" else ~digit
    return Split(shown[:, None] * FAIRDD_COLORS[groups][:, :, None, None], labels, groups)
