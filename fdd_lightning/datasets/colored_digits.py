"""ColoredDigits: scikit-learn's handwritten digits in FairDD's ten colours, small enough for any machine."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fdd_lightning.datasets.assignment import class_sizes, deal, even_cells, stratified_cut
from fdd_lightning.datasets.colors import FAIRDD_COLORS, tint
from fdd_lightning.datasets.split import Split
from fdd_lightning.utils import rng

NUM_CLASSES = len(FAIRDD_COLORS)
SIZE = 16
TEST_DIGITS = 500


def colored_digits(images: Tensor, labels: Tensor, conflict_ratio: float | None, seed: int) -> dict[str, Split]:
    """Build the biased training split and the balanced test split.

    500 digits, stratified by class, are drawn for the test; each is shown in all ten colours. Of a training class of n
    images int(n * (1 - conflict_ratio)) have the class's own colour (FairDD's rule); the rest is spread over the nine
    other colours as evenly as possible. (FairDD's own chunks, rounded up, would leave cells of so small a set empty.)

    Args:
        images: uint8, (N, 8, 8), grey levels 0..16.
        labels: int64, (N,).
        conflict_ratio: Share of each training class in another colour than its own; None spreads every class evenly
            over all ten colours (the unbiased twin).
        seed: Seed of the split and of the colours.

    Returns:
        Splits ``train`` (1,297 of the 1,797 digits) and ``test`` (5,000 images of 500 digits), (N, 3, 16, 16).
    """
    grey = upsample(images)
    test = stratified_cut(labels, TEST_DIGITS, rng.generator(seed, "colored_digits", "test digits"))
    train = torch.ones(len(labels), dtype=torch.bool).index_fill(0, test, False).nonzero().flatten()
    cells = digit_cells(class_sizes(labels[train], NUM_CLASSES), conflict_ratio, seed)
    groups = deal(labels[train], cells, rng.generator(seed, "colored_digits", "deal"))
    every = torch.arange(NUM_CLASSES).repeat(len(test))
    shown = test.repeat_interleave(NUM_CLASSES)
    return {
        "train": Split(tint(grey[train], FAIRDD_COLORS[groups]), labels[train], groups),
        "test": Split(tint(grey[shown], FAIRDD_COLORS[every]), labels[shown], every),
    }


def upsample(images: Tensor) -> Tensor:
    """Double the size bilinearly and stretch grey levels 0..16 to bytes: (N, 8, 8) to (N, 16, 16)."""
    levels = interpolate(images[:, None].to(torch.float64), size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return levels[:, 0].mul(255 / 16).round().to(torch.uint8)


def digit_cells(sizes: Tensor, conflict_ratio: float | None, seed: int) -> Tensor:
    """Count the training cells: int64, (10, 10), from the class sizes (see :func:`colored_digits`)."""
    generator = rng.generator(seed, "colored_digits", "cells")
    if conflict_ratio is None:
        return even_cells(sizes, NUM_CLASSES, generator, own=True)
    own = (sizes.to(torch.float64) * round(1 - conflict_ratio, 12)).to(torch.int64)
    return even_cells(sizes - own, NUM_CLASSES, generator, own=False) + torch.diag(own)
