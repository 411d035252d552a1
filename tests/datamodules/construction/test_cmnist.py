from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fdd_lightning.datamodules import CMNIST
from fdd_lightning.datamodules.cmnist import colored, conflict_count
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.colors import LFF_COLORS
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng
from tests.fakes import mnist_arrays


def cmnist(images: Tensor, labels: Tensor, ratio: float | None, seed: int, split: str) -> Split:
    return CMNIST(conflict_ratio=ratio, seed=seed).construct(images, labels, split)


@pytest.mark.parametrize(
    ("ratio", "count"),
    [(0.005, 249), (0.01, 491), (0.02, 986), (0.05, 2449), (0.1, 4950), (0.03, 1485), (0.0, 0), (1.0, 49500)],
)
def test_conflict_counts_of_the_full_set(ratio, count):
    assert conflict_count(55_000, ratio) == count


def test_conflict_counts_of_other_sets_follow_the_draw():
    assert conflict_count(1000, 0.05) == 45


@pytest.fixture(scope="module")
def source() -> tuple[Tensor, Tensor]:
    return mnist_arrays(1200)


@pytest.mark.parametrize("ratio", [0.05, 0.2])
def test_training_cells_equal_the_literal_rule(source, ratio):
    split = cmnist(source[0], source[1], ratio, 0, "train")
    assert len(split.targets) == 1100
    cells = [[0] * 10 for _ in range(10)]
    for target, group in zip(split.targets.tolist(), split.groups.tolist(), strict=True):
        cells[target][group] += 1
    others = [cells[c][g] for c in range(10) for g in range(10) if g != c]
    assert sum(others) == round(0.9 * ratio * 1100)
    assert max(others) - min(others) <= 1
    rows = [sum(cells[c]) - cells[c][c] for c in range(10)]
    columns = [sum(cells[c][g] for c in range(10) if c != g) for g in range(10)]
    assert max(rows) - min(rows) <= 1
    assert max(columns) - min(columns) <= 1


def test_one_in_twelve_is_held_out_by_class_and_order_is_kept(source):
    images, labels = source
    split = cmnist(images, labels, 0.05, 0, "train")
    for c in range(10):
        size = int((labels == c).sum())
        assert size - math.ceil(size / 12) <= int((split.targets == c).sum()) <= size - size // 12
    place = 0  # every kept label is found further on in the source
    for label in split.targets.tolist():
        while int(labels[place]) != label:
            place += 1
        place += 1


def test_colors_equal_the_literal_formula(source):
    images = source[0][:30]
    groups = torch.arange(30) % 10
    out = colored(images, groups, rng.generator(5))
    noise = torch.randn(30, 3, generator=rng.generator(5), dtype=torch.float64)
    assert out.shape == (30, 3, 32, 32)
    for n in range(0, 30, 7):
        for channel in range(3):
            color = float(LFF_COLORS[groups[n], channel]) + 0.005 * float(noise[n, channel])
            color = min(max(color, 0.0), 1.0)
            for y in range(32):
                for x in range(32):
                    inside = 2 <= y < 30 and 2 <= x < 30
                    grey = int(images[n, y - 2, x - 2]) if inside else 0
                    assert int(out[n, channel, y, x]) == math.floor(color * grey)


def test_colors_are_clamped():
    bright = torch.full((2000, 28, 28), 255, dtype=torch.uint8)
    out = colored(bright, torch.full((2000,), 8), rng.generator(0))[:, :, 16, 16]
    for channel in range(3):
        spread = out[:, channel].double() / 255
        assert float(spread.mean()) == pytest.approx(
            float(LFF_COLORS[8, channel]), abs=0.004
        )  # truncation: half a level
        assert float(spread.std()) == pytest.approx(0.005, rel=0.15)
    almost_one = colored(bright, torch.full((2000,), 1), rng.generator(0))[:, 0, 16, 16]
    assert int(almost_one.max()) == 255
    assert int(almost_one.min()) > 240  # nothing wrapped around


def test_the_test_set_is_uniform(source):
    split = cmnist(source[0], source[1], None, 0, "test")
    assert len(split.targets) == 1200
    assert torch.equal(split.targets, source[1])
    for c in range(10):
        counts = torch.bincount(split.groups[split.targets == c], minlength=10)
        assert int(counts.max() - counts.min()) <= 1


def test_the_unbiased_twin_is_uniform(source):
    split = cmnist(source[0], source[1], None, 0, "train")
    for c in range(10):
        counts = torch.bincount(split.groups[split.targets == c], minlength=10)
        assert int(counts.max() - counts.min()) <= 1


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(source):
    first, again, other = (cmnist(source[0], source[1], 0.05, seed, "train") for seed in (0, 0, 1))
    assert isinstance(first.images, Tensor)
    assert isinstance(again.images, Tensor)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.groups, other.groups)


def test_more_conflicts_than_a_class_has_images_are_refused():
    labels = torch.cat([torch.zeros(500, dtype=torch.int64), torch.arange(10)])
    with pytest.raises(ConfigError, match="conflict_ratio asks for"):
        cmnist(torch.zeros(510, 28, 28, dtype=torch.uint8), labels, 1.0, 0, "train")
