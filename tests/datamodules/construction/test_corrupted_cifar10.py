from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fdd_lightning.datamodules import CorruptedCIFAR10
from fdd_lightning.datamodules.corrupted_cifar10 import HELD_OUT, LISTS
from fdd_lightning.datasets.corruptions import OPERATORS, corrupt
from fdd_lightning.datasets.image_set import Split
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng
from tests.fakes_cifar import cifar_arrays

HOW = "dfa", 5


def corrupted(
    images: Tensor, labels: Tensor, ratio: float | None, names: str, level: int, seed: int, split: str
) -> Split:
    how: dict[str, Any] = {"corruptions": names, "level": level, "frost": "generated", "seed": seed}
    return CorruptedCIFAR10(conflict_ratio=ratio, **how).construct(images, labels, split)


@pytest.fixture(scope="module")
def source() -> tuple[Tensor, Tensor]:
    return cifar_arrays(120)


def cells_of(split: Split) -> list[list[int]]:
    cells = [[0] * 10 for _ in range(10)]
    for target, group in zip(split.targets.tolist(), split.groups.tolist(), strict=True):
        cells[target][group] += 1
    return cells


def test_every_list_names_ten_known_corruptions():
    for names in LISTS.values():
        assert len(set(names)) == 10
        assert set(names) <= set(OPERATORS)
    assert set().union(*LISTS.values()) == set(OPERATORS)


@pytest.mark.parametrize(("ratio", "count"), [(0.005, 5), (0.01, 11), (0.02, 22), (0.05, 54), (0.5, 540)])
def test_training_cells_equal_the_rule(source, ratio, count):
    split = corrupted(source[0], source[1], ratio, *HOW, 0, "train")
    cells = cells_of(split)
    assert [sum(row) for row in cells] == [108] * 10  # one in ten held out, by class
    assert split.left_out == {HELD_OUT: 120}
    others = [cells[c][g] for c in range(10) for g in range(10) if g != c]
    assert sum(others) == count
    assert max(others) - min(others) <= 1
    rows = [sum(cells[c]) - cells[c][c] for c in range(10)]
    columns = [sum(cells[c][g] for c in range(10) if c != g) for g in range(10)]
    assert max(rows) - min(rows) <= 1
    assert max(columns) - min(columns) <= 1


def test_the_unbiased_twin_and_the_test_split_are_even(source):
    for split in (
        corrupted(source[0], source[1], None, *HOW, 0, "train"),
        corrupted(source[0], source[1], None, *HOW, 0, "test"),
    ):
        for row in cells_of(split):
            assert max(row) - min(row) <= 1


@pytest.mark.parametrize(("corruptions", "names"), LISTS.items())
def test_images_are_source_images_under_their_corruption(source, corruptions, names):
    images, labels = source
    split = corrupted(images, labels, None, corruptions, 3, 7, "test")
    pixels = torch.cat(list(split.images))
    assert pixels.shape == images.shape
    assert torch.equal(split.targets, labels)
    for place in [*range(0, 1200, 53), 999, 1000]:  # on both sides of a border between chunks
        generator = np.random.default_rng(rng.derive(7, "corrupted_cifar10", "test", "corruption", place))
        name = names[int(split.groups[place])]
        expected = corrupt(images[place : place + 1], name, 3, [generator], "generated")[0]
        assert torch.equal(pixels[place], expected)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(source):
    def build(seed: int) -> tuple[Tensor, Tensor]:
        split = corrupted(source[0], source[1], 0.05, *HOW, seed, "train")
        return torch.cat(list(split.images)), split.groups

    first, again, other = build(0), build(0), build(1)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[1], other[1])


def test_images_come_in_chunks(source):
    split = corrupted(source[0], source[1], 0.05, *HOW, 0, "train")
    assert [len(chunk) for chunk in split.images] == [1000, 80]


def test_more_conflicts_than_a_class_has_images_are_refused():
    labels = torch.cat([torch.zeros(500, dtype=torch.int64), torch.arange(10)])
    with pytest.raises(ConfigError, match="conflict_ratio asks for"):
        corrupted(torch.zeros(510, 3, 32, 32, dtype=torch.uint8), labels, 1.0, *HOW, 0, "train")
