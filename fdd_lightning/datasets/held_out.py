"""Test images drawn from images that no one has split: equally many of every cell, or as the rest is mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from fdd_lightning.datasets.assignment import all_but, stratified_cut
from fdd_lightning.datasets.image_set import count_cells
from fdd_lightning.datasets.labelled_files import LabelledFiles, draw_per_cell, smallest_cell
from fdd_lightning.utils import rng

Draw = Literal["balanced", "proportional"]

LEAST_IN_CELL = 10
"""Images of a cell below which its accuracy is mostly chance."""
AT_MOST = 3
"""A balanced test takes one in so many images of a cell, no more: rare cells have to be learned from, too."""


@dataclass(frozen=True)
class HeldOut:
    """A draw.

    Attributes:
        train: What was left.
        test: What was drawn.
        even: Whether equally many were drawn of every (class, group) cell that there is.
        how: The draw in a few words.

    Example:
        >>> from pathlib import Path
        >>> labels = Tensor([0, 0, 1, 1]).long()
        >>> files = LabelledFiles([Path(name) for name in "abcd"], labels, groups=0 * labels)
        >>> hold_out(files, ("cat", "dog"), ("all",), test_share=0.5, seed=0).how
        'drawn'
    """

    train: LabelledFiles
    test: LabelledFiles
    even: bool
    how: str


def hold_out(
    files: LabelledFiles,
    class_names: Sequence[str],
    group_names: Sequence[str],
    test_share: float,
    seed: int,
    draw: Draw = "balanced",
    bound: Tensor | None = None,
) -> HeldOut:
    """Draw a share of the images for the test; no training cell is emptied.

    A balanced draw takes equally many of every cell: the share, but at least ten and no more than a third of the
    smallest cell. Where both cannot be, where there are no groups, and if ``proportional``, the same share of every
    cell is taken, but for rounding. Images of equal number in ``bound``, int64 (N,), are not parted.
    """
    counts = count_cells(files.targets, files.groups, len(class_names), len(group_names))
    wanted = max(LEAST_IN_CELL, round(test_share * len(files) / int((counts > 0).sum())))
    each = min(wanted, smallest_cell(files) // AT_MOST)
    even = draw == "balanced" and len(group_names) > 1 and each >= LEAST_IN_CELL
    if even:
        test = draw_per_cell(files.targets, files.groups, each, rng.generator(seed, "folder", "test", "cells"), bound)
        how = f"drawn, {each} of every class and group"
    else:
        strata = files.targets * (int(files.groups.max()) + 1) + files.groups
        draws = rng.generator(seed, "folder", "test", "cut")
        test = stratified_cut(strata, round(test_share * len(files)), draws, bound)
        how = "drawn" if len(group_names) < 2 else "drawn, as biased as the rest"
        if draw == "balanced" and len(group_names) > 1:
            how += f": {_too_few(counts, class_names, group_names)}"
    return HeldOut(files.subset(all_but(test, len(files))), files.subset(test), even, how)


def _too_few(counts: Tensor, class_names: Sequence[str], group_names: Sequence[str]) -> str:
    """Say why no balanced test can be drawn."""
    least = int(counts[counts > 0].min())
    target, group = (counts == least).nonzero()[0].tolist()
    cell = f"{class_names[target]!r} and {group_names[group]!r}"
    return f"{cell} has {least}, a balanced test needs {AT_MOST * LEAST_IN_CELL} of every class and group"
