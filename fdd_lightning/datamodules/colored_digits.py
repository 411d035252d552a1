"""ColoredDigits: scikit-learn's handwritten digits in FairDD's ten colours, without files, on any machine."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.assignment import all_but, deal, even_cells, stratified_cut
from fdd_lightning.datasets.colors import FAIRDD_COLOR_NAMES, FAIRDD_COLORS, tint
from fdd_lightning.utils import rng

NUM_CLASSES = len(FAIRDD_COLORS)
SIZE = 16
TEST_DIGITS = 500


def upsample(images: Tensor) -> Tensor:
    """Double the size bilinearly and stretch grey levels 0..16 to bytes: (N, 8, 8) to (N, 16, 16)."""
    levels = interpolate(images[:, None].to(torch.float64), size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    return levels[:, 0].mul(255 / 16).round().to(torch.uint8)


class ColoredDigits(BaseDataModule):
    """scikit-learn's 1,797 handwritten digits, 16x16, in FairDD's ten colours on black.

    500 digits, drawn by the seed and stratified by class, are the test, each shown in all ten colours (5,000 images, 50
    digits or so per cell); the other 1,297 are for training.

    Args:
        conflict_ratio: Share of each training class in another colour than its own, evenly over the nine others;
            null for the unbiased twin, all ten colours evenly.

    Example:
        >>> digits = ColoredDigits(conflict_ratio=0.1)
        >>> digits.num_classes, digits.num_groups, digits.image_shape
        (10, 10, (3, 16, 16))
    """

    name = "colored_digits"
    fixed = ("root",)
    reads_root = False
    class_names = tuple(str(digit) for digit in range(NUM_CLASSES))
    group_names = FAIRDD_COLOR_NAMES
    image_shape = (3, SIZE, SIZE)
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    licence = (
        "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998; UCI, CC BY 4.0), as bundled with "
        "scikit-learn"
    )

    def __init__(self, *, conflict_ratio: float | None = 0.1, **kwargs: Any) -> None:
        super().__init__(conflict_ratio=conflict_ratio, root=None, **kwargs)

    @property
    def aligned(self) -> Tensor | None:
        """Class c in colour c; None for the unbiased twin."""
        return None if self.conflict_ratio is None else torch.eye(NUM_CLASSES, dtype=torch.bool)

    def build(self) -> dict[str, Split]:
        """Build both splits."""
        from sklearn.datasets import load_digits  # slow to import, needed only to build

        digits: Any = load_digits()  # its annotation covers all that it can be asked to return
        images, labels = torch.from_numpy(digits.images), torch.from_numpy(digits.target)
        return self.construct(images.to(torch.uint8), labels.to(torch.int64))

    def construct(self, images: Tensor, labels: Tensor) -> dict[str, Split]:
        """Build both splits from all digits.

        Of a training class of n images int(n * (1 - conflict_ratio)) have the class's own colour (FairDD's rule); the
        rest is spread over the nine other colours as evenly as possible. (FairDD's own chunks, rounded up, would leave
        cells of so small a set empty.)

        Args:
            images: uint8, (N, 8, 8), grey levels 0..16.
            labels: int64, (N,).
        """
        grey = upsample(images)
        test = stratified_cut(labels, TEST_DIGITS, rng.generator(self.seed, "colored_digits", "test digits"))
        train = all_but(test, len(labels))
        sizes = torch.bincount(labels[train], minlength=NUM_CLASSES)
        generator = rng.generator(self.seed, "colored_digits", "cells")
        if self.conflict_ratio is None:
            cells = even_cells(sizes, NUM_CLASSES, generator, own=True)
        else:
            own = (sizes.to(torch.float64) * round(1 - self.conflict_ratio, 12)).to(torch.int64)
            cells = even_cells(sizes - own, NUM_CLASSES, generator, own=False) + torch.diag(own)
        groups = deal(labels[train], cells, rng.generator(self.seed, "colored_digits", "deal"))
        every = torch.arange(NUM_CLASSES).repeat(len(test))
        shown = test.repeat_interleave(NUM_CLASSES)
        return {
            "train": Split(tint(grey[train], FAIRDD_COLORS[groups]), labels[train], groups),
            "test": Split(tint(grey[shown], FAIRDD_COLORS[every]), labels[shown], every),
        }
