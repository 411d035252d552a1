from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fdd_lightning.datamodules import CMNISTBackground, CMNISTForeground
from fdd_lightning.datasets.colors import FAIRDD_COLORS
from fdd_lightning.utils import rng
from tests.fakes import mnist_arrays


def cmnist_fairdd(images, labels, majority, ground, seed, split):
    kind = {"foreground": CMNISTForeground, "background": CMNISTBackground}[ground]
    return kind(conflict_ratio=1 - majority, seed=seed).construct(images, labels, split)


@pytest.fixture(scope="module")
def source() -> tuple[Tensor, Tensor]:
    return mnist_arrays(2000)


@pytest.mark.parametrize("ground", ["foreground", "background"])
def test_pixels_equal_the_literal_rule(source, ground):
    images, labels = source
    split = cmnist_fairdd(images, labels, 0.9, ground, 0, "train")
    assert isinstance(split.images, Tensor)
    assert split.images.shape == (2000, 3, 32, 32)
    order = torch.randperm(2000, generator=rng.generator(0, "cmnist_fairdd", "train", "order"))
    assert torch.equal(split.targets, labels[order])
    for n in range(0, 2000, 400):
        canvas = [[0] * 32 for _ in range(32)]
        for y in range(28):
            for x in range(28):
                canvas[y + 4][x + 4] = int(images[order[n], y, x])  # rows and columns 4..31
        color = FAIRDD_COLORS[split.groups[n]].tolist()
        for y in range(32):
            for x in range(32):
                colored = (canvas[y][x] >= 128) == (ground == "foreground")
                assert split.images[n, :, y, x].tolist() == (color if colored else [0, 0, 0])


@pytest.mark.parametrize(("majority", "split"), [(0.9, "train"), (0.1, "test"), (0.95, "train")])
def test_cells_equal_the_literal_rule(source, majority, split):
    images, labels = source
    built = cmnist_fairdd(images, labels, majority, "foreground", 1, split)
    for c in range(10):
        groups = built.groups[built.targets == c].tolist()
        n = len(groups)
        assert n == int((labels == c).sum())
        own = int(n * majority)
        chunk = math.ceil((n - own) / 9)
        expected, left = [], n - own
        for _ in range(9):
            expected.append(min(chunk, left))
            left -= expected[-1]
        assert groups.count(c) == own
        assert sorted((groups.count(g) for g in range(10) if g != c), reverse=True) == expected


def test_both_grounds_are_complements(source):
    fore, back = (
        cmnist_fairdd(source[0], source[1], 0.9, ground, 0, "train") for ground in ("foreground", "background")
    )
    assert isinstance(fore.images, Tensor)
    assert isinstance(back.images, Tensor)
    assert torch.equal(fore.groups, back.groups)
    flat = FAIRDD_COLORS[fore.groups][:, :, None, None].expand_as(fore.images)
    assert torch.equal(fore.images + back.images, flat)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(source):
    first, again, other = (cmnist_fairdd(source[0], source[1], 0.9, "foreground", seed, "train") for seed in (0, 0, 1))
    assert isinstance(first.images, Tensor)
    assert isinstance(again.images, Tensor)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.targets, other.targets)
