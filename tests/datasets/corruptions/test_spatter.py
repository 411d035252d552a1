from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fdd_lightning.datasets.corruptions import corrupt
from fdd_lightning.datasets.corruptions.spatter import box_mean, distance_to, equalised, rims, water
from tests.datasets.corruptions.pictures import LEVELS, compare, generators, pictures

CONSTANTS = {
    1: (0.62, 0.1, 0.7, 0.7, 0.5),
    2: (0.65, 0.1, 0.8, 0.7, 0.5),
    3: (0.65, 0.3, 1, 0.69, 0.5),
    4: (0.65, 0.1, 0.7, 0.69, 0.6),
    5: (0.65, 0.1, 0.5, 0.68, 0.6),
}


@pytest.mark.parametrize("level", LEVELS)
def test_spatter(level):
    from scipy.ndimage import gaussian_filter

    mean, std, sigma, threshold, last = CONSTANTS[level]

    def literal(image, generator):
        liquid = gaussian_filter(generator.normal(mean, std, (32, 32)), sigma, mode="nearest")
        liquid = np.where(liquid < threshold, 0, liquid)
        if level <= 3:
            return image + last * water(liquid[None])[0][:, :, None] * np.array([175, 238, 238]) / 255
        drops = gaussian_filter((liquid > threshold) * 1.0, last, mode="nearest")
        out = np.empty_like(image)
        for y in range(32):
            for x in range(32):
                m = drops[y, x] if drops[y, x] >= 0.8 else 0.0
                out[y, x] = image[y, x] * (1 - m) + m * np.array([63, 42, 20]) / 255
        return out

    compare("spatter", level, literal)


def liquid(count):
    from scipy.ndimage import gaussian_filter

    layers = np.random.default_rng(0).normal(0.65, 0.1, (count, 32, 32))
    layers = np.stack([gaussian_filter(layer, 0.8, mode="nearest") for layer in layers])
    return np.where(layers < 0.7, 0, layers)


def literal_rims(image):
    """Canny by loops: gradients, ridges of their strength, and what hangs together with a strong one."""
    padded = np.pad(image.astype(int), 1, mode="edge")
    right, down = np.zeros((32, 32), int), np.zeros((32, 32), int)
    for y in range(32):
        for x in range(32):
            window = padded[y : y + 3, x : x + 3]
            right[y, x] = window[:, 2] @ [1, 2, 1] - window[:, 0] @ [1, 2, 1]
            down[y, x] = window[2] @ [1, 2, 1] - window[0] @ [1, 2, 1]
    strength = np.abs(right) + np.abs(down)
    around = np.pad(strength, 1)
    ridge = np.zeros((32, 32), bool)
    for y in range(32):
        for x in range(32):
            here = strength[y, x]
            if here <= 50:
                continue
            angle = math.degrees(math.atan2(abs(down[y, x]), abs(right[y, x])))
            if angle < 22.5:
                ridge[y, x] = here > around[y + 1, x] and here >= around[y + 1, x + 2]
            elif angle > 67.5:
                ridge[y, x] = here > around[y, x + 1] and here >= around[y + 2, x + 1]
            else:
                s = -1 if (right[y, x] < 0) != (down[y, x] < 0) else 1
                ridge[y, x] = here > around[y, x + 1 - s] and here > around[y + 2, x + 1 + s]
    edges = ridge & (strength > 150)
    while True:
        grown = edges.copy()
        for y, x in np.argwhere(edges):
            grown[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = True
        grown &= ridge
        if (grown == edges).all():
            return edges
        edges = grown


def test_rims():
    drops = np.floor(liquid(6) * 255).astype(np.uint8)
    found = rims(drops)
    assert found.any()
    for image, edges in zip(drops, found, strict=True):
        assert (edges == literal_rims(image)).all()


def test_distances_go_by_steps_of_a_mask():
    points = np.zeros((3, 32, 32), bool)
    points[0, 5, 5] = True
    points[1] = np.random.default_rng(0).random((32, 32)) < 0.02
    found = distance_to(points)
    assert found[0, 5, 9] == 4
    assert found[0, 8, 8] == pytest.approx(3 * 1.4)
    assert found[0, 9, 7] == pytest.approx(2 * 2.1969)
    assert found[0, 10, 8] == pytest.approx(2.1969 * 2 + 1.4)  # not 5.83, the true one
    assert (found[2] == 20).all()  # nothing near
    for y, x in np.ndindex(32, 32):
        true = min(math.hypot(y - a, x - b) for a, b in np.argwhere(points[1]))
        assert found[1, y, x] == pytest.approx(min(true, 20), abs=0.05 * true + 1e-9)


def test_box_mean():
    image = np.random.default_rng(0).random((1, 32, 32))
    fold = [1, *range(32), 30]
    for y, x in np.ndindex(32, 32):
        expected = np.mean([image[0, fold[y + a], fold[x + b]] for a in range(3) for b in range(3)])
        assert box_mean(image)[0, y, x] == pytest.approx(expected)


def test_equalised():
    image = np.random.default_rng(0).integers(3, 9, (32, 32)).astype(np.uint8)
    out = equalised(image)
    lowest = (image == 3).sum()
    for level in range(3, 9):
        expected = round(255 * int((image <= level).sum() - lowest) / int(1024 - lowest))
        assert (out[image == level] == expected).all()
    flat = np.full((32, 32), 20, np.uint8)
    assert (equalised(flat) == flat).all()


def test_water_is_brightest_at_one_and_absent_where_dry():
    layers = liquid(5)
    layers[2] = 0
    shade = water(layers)
    assert (shade[layers == 0] == 0).all()
    assert shade.max(axis=(1, 2)).tolist() == [1, 1, 0, 1, 1]


def test_water_brightens_and_mud_does_not_hide_everything():
    images = pictures(10)
    wet, muddy = (corrupt(images, "spatter", level, generators(10)) for level in (3, 5))
    assert (wet >= images).all()
    brown = torch.tensor([63, 42, 20]).view(3, 1, 1)
    hidden = (muddy.long() - brown).abs().amax(dim=1) <= 20
    assert 0.01 < float(hidden.double().mean()) < 0.3
