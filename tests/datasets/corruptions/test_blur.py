from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fdd_lightning.datasets.corruptions import corrupt
from tests.datasets.corruptions.pictures import LEVELS, compare, generators, pictures


def gaussian(image, sigma):
    """Blur by loops over rows and columns; the window ends at four sigma, the edge pixel goes on beyond the edge."""
    reach = int(4 * sigma + 0.5)
    weights = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(-reach, reach + 1)]
    out = image
    for axis in (0, 1):
        blurred = np.zeros_like(out)
        for place in range(32):
            for k, weight in zip(range(-reach, reach + 1), weights, strict=True):
                source = min(max(place + k, 0), 31)
                if axis == 0:
                    blurred[place] += out[source] * weight / sum(weights)
                else:
                    blurred[:, place] += out[:, source] * weight / sum(weights)
        out = blurred
    return out


@pytest.mark.parametrize("level", LEVELS)
def test_gaussian_blur(level):
    sigma = {1: 0.4, 2: 0.6, 3: 0.7, 4: 0.8, 5: 1.0}[level]
    compare("gaussian_blur", level, lambda image, generator: gaussian(image, sigma))


def mirrored(place):
    """Fold a place at the centre of the edge pixel."""
    place = abs(place)
    return 62 - place if place > 31 else place


@pytest.mark.parametrize("level", LEVELS)
def test_defocus_blur(level):
    radius, sigma = {1: (0.3, 0.4), 2: (0.4, 0.5), 3: (0.5, 0.6), 4: (1, 0.2), 5: (1.5, 0.1)}[level]
    disk = np.array([[float(x**2 + y**2 <= radius**2) for x in range(-8, 9)] for y in range(-8, 9)])
    disk /= disk.sum()
    three = np.array([math.exp(-(k**2) / (2 * sigma**2)) for k in (-1, 0, 1)])
    three /= three.sum()
    kernel = np.zeros_like(disk)
    for y in range(1, 16):
        for x in range(1, 16):
            for dy in range(3):
                for dx in range(3):
                    kernel[y, x] += three[dy] * three[dx] * disk[y + dy - 1, x + dx - 1]

    def literal(image, generator):
        out = np.zeros_like(image)
        for y in range(32):
            for x in range(32):
                for dy, dx in np.argwhere(kernel > 0):
                    out[y, x] += kernel[dy, dx] * image[mirrored(y + dy - 8), mirrored(x + dx - 8)]
        return out

    compare("defocus_blur", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_glass_blur(level):
    sigma, passes = {1: (0.05, 1), 2: (0.25, 1), 3: (0.4, 1), 4: (0.25, 2), 5: (0.4, 2)}[level]

    def literal(image, generator):
        image = np.floor(gaussian(image, sigma) * 255 + 1e-4) / 255
        for _ in range(passes):
            shift = generator.integers(-1, 1, (2, 30, 30))
            for y in range(31, 1, -1):  # from the last pixel, each becoming a copy of one not reached yet
                for x in range(31, 1, -1):
                    dy, dx = shift[:, y - 2, x - 2]
                    image[y, x] = image[y + dy, x + dx]
        return gaussian(image, sigma)

    compare("glass_blur", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_motion_blur(level):
    radius, sigma = {1: (6, 1), 2: (6, 1.5), 3: (6, 2), 4: (8, 2), 5: (9, 2.5)}[level]

    def literal(image, generator):
        angle = math.radians(generator.uniform(-45, 45))
        weights = [math.exp(-(k**2) / (2 * sigma**2)) for k in range(2 * radius + 1)]
        out = np.zeros_like(image)
        for k, weight in enumerate(weights):
            dy, dx = math.ceil(k * math.sin(angle) - 0.5), math.ceil(k * math.cos(angle) - 0.5)
            for y in range(32):
                for x in range(32):
                    source = image[min(max(y + dy, 0), 31), min(max(x + dx, 0), 31)]
                    out[y, x] += source * weight / sum(weights)
        return np.rint(out * 255) / 255

    compare("motion_blur", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_zoom_blur(level):
    from scipy.ndimage import zoom

    # np.arange(1, 1.06, 0.01) has seven values, 1.06 among them; the last but one of 1.16 is its last.
    end, count = {1: (1.06, 7), 2: (1.11, 12), 3: (1.16, 16), 4: (1.21, 21), 5: (1.26, 26)}[level]

    def literal(image, generator):
        total = image.copy()
        factors = np.arange(1, end, 0.01)
        assert len(factors) == count
        for factor in factors:
            kept = math.ceil(32 / factor)
            top = (32 - kept) // 2
            enlarged = zoom(image[top : top + kept, top : top + kept], (factor, factor, 1), order=1)
            trim = (len(enlarged) - 32) // 2
            total += enlarged[trim : trim + 32, trim : trim + 32]
        return total / (count + 1)

    compare("zoom_blur", level, literal)


def test_motion_goes_one_way():
    point = torch.zeros(40, 3, 32, 32, dtype=torch.uint8)
    point[:, :, 16, 16] = 255
    out = corrupt(point, "motion_blur", 5, generators(40)).double().mean(dim=(0, 1))
    assert float(out[:, 17:].sum()) == 0  # a pixel takes from those on its right
    assert float(out[:, :16].sum()) > 0


@pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "motion_blur", "zoom_blur"])
def test_blur_leaves_flat_images_alone(name):
    flat = torch.full((2, 3, 32, 32), 77, dtype=torch.uint8)
    for level in LEVELS:
        assert torch.equal(corrupt(flat, name, level, generators(2)), flat)


@pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "motion_blur", "zoom_blur", "glass_blur"])
def test_blur_takes_fine_detail_away(name):
    images = pictures()
    rough = (images[..., 1:].double() - images[..., :-1].double()).abs().mean()
    out = corrupt(images, name, 5, generators(len(images)))
    assert (out[..., 1:].double() - out[..., :-1].double()).abs().mean() < 0.8 * rough
