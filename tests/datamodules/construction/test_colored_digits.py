from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.datamodules.colored_digits import upsample
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.colors import FAIRDD_COLORS


def colored_digits(images: Tensor, labels: Tensor, ratio: float | None, seed: int) -> dict[str, Split]:
    return ColoredDigits(conflict_ratio=ratio, seed=seed).construct(images, labels)


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    source: Any = load_digits()
    return torch.from_numpy(source.images).to(torch.uint8), torch.from_numpy(source.target)


def literal_upsample(image: Tensor) -> list[list[int]]:
    """Bilinear doubling by its definition: sample (i + 0.5) / 2 - 0.5, edges repeated."""
    rows = []
    for i in range(16):
        row = []
        for j in range(16):
            y, x = max((i + 0.5) / 2 - 0.5, 0), max((j + 0.5) / 2 - 0.5, 0)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, 7), min(x0 + 1, 7)
            fy, fx = y - y0, x - x0
            value = (1 - fy) * ((1 - fx) * int(image[y0, x0]) + fx * int(image[y0, x1]))
            value += fy * ((1 - fx) * int(image[y1, x0]) + fx * int(image[y1, x1]))
            row.append(round(value * 255 / 16))
        rows.append(row)
    return rows


def test_upsampling_equals_a_loop(digits):
    images, _ = digits
    assert upsample(images[:5]).tolist() == [literal_upsample(image) for image in images[:5]]
    assert int(upsample(images).max()) == 255


@pytest.mark.parametrize("seed", [0, 1])
def test_every_test_digit_stands_in_all_ten_colors(digits, seed):
    images, labels = digits
    splits = colored_digits(images, labels, 0.1, seed)
    test = splits["test"]
    assert isinstance(test.images, Tensor)
    assert test.images.shape == (5000, 3, 16, 16)
    assert test.groups.tolist() == list(range(10)) * 500
    grey = test.images.view(500, 10, 3, 16, 16).amax((1, 2))  # white shows the grey levels themselves
    for digit in range(0, 500, 50):
        label = test.targets[digit * 10]
        assert (test.targets[digit * 10 : digit * 10 + 10] == label).all()
        for group in range(10):
            for channel in range(3):
                expected = grey[digit].to(torch.int64) * int(FAIRDD_COLORS[group, channel]) // 255
                assert torch.equal(test.images[digit * 10 + group, channel].to(torch.int64), expected)
    share = torch.bincount(test.targets) / 10 - torch.bincount(labels) * 500 / 1797
    assert float(share.abs().max()) < 1


def test_no_digit_is_in_both_splits(digits):
    images, labels = digits
    upsampled = upsample(images)
    assert len({bytes(image.numpy()) for image in upsampled}) == 1797
    splits = colored_digits(images, labels, None, 3)
    found = []
    for split in splits.values():
        assert isinstance(split.images, Tensor)
        found.append({bytes(image.amax(0).contiguous().numpy()) for image in split.images})
    assert len(found[0]) == 1297
    assert len(found[1]) == 500
    assert not found[0] & found[1]


@pytest.mark.parametrize("ratio", [0.1, 0.02, 0.5, 0.0, 1.0])
def test_training_cells_equal_the_literal_rule(digits, ratio):
    images, labels = digits
    train = colored_digits(images, labels, ratio, 0)["train"]
    rho = round(1 - ratio, 12)
    for c in range(10):
        groups = train.groups[train.targets == c].tolist()
        own = int(len(groups) * rho)
        assert groups.count(c) == own
        others = [groups.count(g) for g in range(10) if g != c]
        assert sum(others) == len(groups) - own
        assert max(others) - min(others) <= 1


def test_the_default_leaves_no_cell_empty(digits):
    for seed in range(5):
        train = colored_digits(digits[0], digits[1], 0.1, seed)["train"]
        cells = torch.bincount(train.targets * 10 + train.groups, minlength=100)
        assert int(cells.min()) >= 1


def test_the_unbiased_twin_has_every_color_evenly(digits):
    train = colored_digits(digits[0], digits[1], None, 0)["train"]
    for c in range(10):
        counts = torch.bincount(train.groups[train.targets == c], minlength=10)
        assert int(counts.max() - counts.min()) <= 1


def test_training_images_are_grey_times_color(digits):
    train = colored_digits(digits[0], digits[1], 0.1, 0)["train"]
    assert isinstance(train.images, Tensor)
    known = {bytes(image.numpy()) for image in upsample(digits[0])}
    for i in range(0, 1297, 100):
        grey = train.images[i].amax(0)  # every colour has a channel at 255
        assert bytes(grey.numpy()) in known
        for channel in range(3):
            level = int(FAIRDD_COLORS[train.groups[i], channel])
            assert torch.equal(train.images[i, channel].to(torch.int64), grey.to(torch.int64) * level // 255)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(digits):
    first, again, other = (colored_digits(digits[0], digits[1], 0.1, seed)["train"] for seed in (0, 0, 1))
    assert isinstance(first.images, Tensor)
    assert isinstance(again.images, Tensor)
    assert isinstance(other.images, Tensor)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.groups, other.groups) or not torch.equal(first.images, other.images)
