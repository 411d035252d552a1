from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fdd_lightning.datamodules import CFMNISTBackground, CFMNISTBackgroundIntended, CFMNISTForeground
from fdd_lightning.datasets.colors import FAIRDD_COLORS, tint
from fdd_lightning.utils import rng
from tests.fakes import mnist_arrays

GREYS = torch.arange(256, dtype=torch.uint8)
SHADES = (0, 128, 255)
"""The values that a channel of the ten colours has."""


KINDS: dict[str, Any] = {
    "foreground": CFMNISTForeground,
    "background": CFMNISTBackground,
    "background_intended": CFMNISTBackgroundIntended,
}


def cfmnist(images, labels, majority, ground, seed, split):
    return KINDS[ground](conflict_ratio=1 - majority, seed=seed).construct(images, labels, split)


@pytest.fixture(scope="module")
def source() -> tuple[Tensor, Tensor]:
    return mnist_arrays(2000)


def ramp(paint) -> dict[int, list[int]]:
    """What a painter makes of every grey level, by the colour's channel."""
    painted = paint(GREYS.view(1, 16, 16), torch.tensor([SHADES], dtype=torch.uint8))
    return {shade: painted[0, channel].flatten().tolist() for channel, shade in enumerate(SHADES)}


@pytest.mark.parametrize(
    ("shade", "expected"),
    [
        (255, [255, 253, 127, 0, 255, 111, 1]),
        (0, [0, 255, 192, 129, 128, 56, 1]),
        (128, [128, 126, 31, 193, 191, 83, 1]),
    ],
)
def test_the_published_background_has_the_bytes_of_the_published_code(shade, expected):
    painted = ramp(CFMNISTBackground.paint)[shade]
    assert [painted[grey] for grey in (0, 1, 64, 127, 128, 200, 255)] == expected


def test_the_published_background_equals_the_literal_formula():
    wide = np.float32(255)
    for shade, painted in ramp(CFMNISTBackground.paint).items():
        for grey, byte in enumerate(painted):
            d = (wide - np.float32(grey)) / wide
            value = wide + d * (np.float32(shade) / wide - wide)
            assert byte == int(value * wide) % 256
            close = ((255 - grey) * shade / 255 - grey) % 256
            assert min(abs(byte - close), 256 - abs(byte - close)) <= 1 + 1e-9


def test_foreground_and_intended_background_equal_the_literal_formula():
    for shade in SHADES:
        assert ramp(tint)[shade] == [math.floor(shade * grey / 255) for grey in range(256)]
        expected = [math.floor(shade * (255 - grey) / 255) for grey in range(256)]
        assert ramp(CFMNISTBackgroundIntended.paint)[shade] == expected


def test_the_published_single_precision_changes_nothing_elsewhere():
    """The published code computes in single precision; whole numbers give the same bytes for these colours."""
    for paint, level in ((tint, GREYS.float()), (CFMNISTBackgroundIntended.paint, 255 - GREYS.float())):
        for shade, painted in ramp(paint).items():
            assert ((level / 255 * (torch.tensor(float(shade)) / 255)) * 255).int().tolist() == painted


@pytest.mark.parametrize("ground", KINDS)
def test_pixels_equal_the_literal_rule(source, ground):
    images, labels = source
    split = cfmnist(images, labels, 0.9, ground, 0, "train")
    assert isinstance(split.images, Tensor)
    assert split.images.shape == (2000, 3, 32, 32)
    assert split.images.dtype == torch.uint8
    order = torch.randperm(2000, generator=rng.generator(0, "cfmnist", "train", "order"))
    assert torch.equal(split.targets, labels[order])
    ramps = ramp(KINDS[ground].paint)
    for n in range(0, 2000, 400):
        color = FAIRDD_COLORS[split.groups[n]].tolist()
        for y in range(32):
            for x in range(32):
                grey = int(images[order[n], y - 4, x - 4]) if y >= 4 and x >= 4 else 0  # top and left only
                assert split.images[n, :, y, x].tolist() == [ramps[shade][grey] for shade in color]


@pytest.mark.parametrize("ground", ["background", "background_intended"])
def test_the_background_has_its_color(source, ground):
    split = cfmnist(source[0], source[1], 0.9, ground, 0, "train")
    assert isinstance(split.images, Tensor)
    assert torch.equal(split.images[:, :, 0, 0], FAIRDD_COLORS[split.groups])


def test_a_garment_shows_on_every_intended_background():
    dress = torch.full((10, 28, 28), 200, dtype=torch.uint8)
    painted = CFMNISTBackgroundIntended.paint(dress, FAIRDD_COLORS)[:, :, 0, 0].int()
    assert ((FAIRDD_COLORS.int() - painted).amax(1) > 190).all()


@pytest.mark.parametrize(("majority", "split"), [(0.9, "train"), (0.1, "test")])
def test_cells_equal_the_literal_rule(source, majority, split):
    built = cfmnist(source[0], source[1], majority, "foreground", 1, split)
    for c in range(10):
        groups = built.groups[built.targets == c].tolist()
        own = int(len(groups) * majority)
        chunk = math.ceil((len(groups) - own) / 9)
        expected, left = [], len(groups) - own
        for _ in range(9):
            expected.append(min(chunk, left))
            left -= expected[-1]
        assert groups.count(c) == own
        assert sorted((groups.count(g) for g in range(10) if g != c), reverse=True) == expected


def test_all_grounds_share_assignment_and_order(source):
    first, *others = (cfmnist(source[0], source[1], 0.9, ground, 0, "train") for ground in KINDS)
    for other in others:
        assert torch.equal(first.targets, other.targets)
        assert torch.equal(first.groups, other.groups)


def test_many_images_are_painted_as_few_are():
    grey = torch.randint(256, (5000, 4, 4), dtype=torch.uint8, generator=rng.generator(0))
    colors = FAIRDD_COLORS[torch.arange(5000) % 10]
    whole = CFMNISTBackground.paint(grey, colors)
    for n in (0, 4095, 4096, 4999):
        assert torch.equal(whole[n : n + 1], CFMNISTBackground.paint(grey[n : n + 1], colors[n : n + 1]))
