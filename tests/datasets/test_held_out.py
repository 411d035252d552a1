"""Test images that are drawn: equally many of every cell where there are enough, else as ever."""

from pathlib import Path

import pytest
import torch

from fdd_lightning.datasets.assignment import all_but, stratified_cut
from fdd_lightning.datasets.held_out import hold_out
from fdd_lightning.datasets.labelled_files import LabelledFiles
from fdd_lightning.utils import rng

NAMES = ("a", "b"), ("x", "y", "z")


def files(*counts):
    """So many images of each cell, class by class."""
    pairs = [(t, g) for t, line in enumerate(counts) for g, n in enumerate(line) for _ in range(n)]
    targets, groups = torch.tensor(pairs).T
    return LabelledFiles([Path(f"{i}.png") for i in range(len(pairs))], targets, groups)


def cells(part):
    table = [[0] * 3 for _ in range(2)]
    for target, group in zip(part.targets.tolist(), part.groups.tolist(), strict=True):
        table[target][group] += 1
    return table


@pytest.mark.parametrize(
    ("counts", "share", "each"),
    [
        (([100, 60, 80], [60, 90, 70]), 0.2, 15),  # the share: 460 / 5 / 6 cells
        (([100, 33, 80], [60, 90, 70]), 0.3, 11),  # a third of the smallest
        (([100, 30, 80], [60, 90, 70]), 0.01, 10),  # ten at least
        (([100, 0, 80], [60, 90, 70]), 0.3, 20),  # of the cells that there are
    ],
)
def test_equally_many_of_every_cell(counts, share, each):
    whole = files(*counts)
    found = hold_out(whole, *NAMES, share, seed=3)
    assert found.even
    assert cells(found.test) == [[each if n else 0 for n in line] for line in counts]
    assert sorted([*found.test.files, *found.train.files]) == sorted(whole.files)
    assert found.how == f"drawn, {each} of every class and group"
    assert hold_out(whole, *NAMES, share, seed=3).test.files == found.test.files
    assert hold_out(whole, *NAMES, share, seed=4).test.files != found.test.files


@pytest.mark.parametrize(
    ("counts", "group_names", "draw", "told"),
    [
        (([100, 29, 80], [60, 90, 70]), NAMES[1], "balanced", "rest: 'a' and 'y' has 29, a balanced test needs 30"),
        (([100, 60, 80], [60, 90, 70]), NAMES[1], "proportional", "drawn, as biased as the rest"),
        (([100], [60]), ("all",), "balanced", "drawn"),
    ],
)
def test_else_as_ever(counts, group_names, draw, told):
    whole = files(*counts)
    found = hold_out(whole, NAMES[0], group_names, 0.2, 3, draw)
    strata = whole.targets * (int(whole.groups.max()) + 1) + whole.groups
    test = stratified_cut(strata, round(0.2 * len(whole)), rng.generator(3, "folder", "test", "cut"))
    assert not found.even
    assert found.test.files == [whole.files[i] for i in test.tolist()]
    assert found.train.files == [whole.files[i] for i in all_but(test, len(whole)).tolist()]
    assert told in found.how
