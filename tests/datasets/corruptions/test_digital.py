from __future__ import annotations

import colorsys
import io

import numpy as np
import pytest
import torch
from PIL import Image

from fdd_lightning.datasets.corruptions import corrupt
from tests.datasets.corruptions.pictures import LEVELS, compare, generators


@pytest.mark.parametrize("level", LEVELS)
def test_contrast(level):
    share = {1: 0.75, 2: 0.5, 3: 0.4, 4: 0.3, 5: 0.15}[level]

    def literal(image, generator):
        out = np.empty_like(image)
        for channel in range(3):
            mean = sum(image[y, x, channel] for y in range(32) for x in range(32)) / 1024
            out[:, :, channel] = mean + share * (image[:, :, channel] - mean)
        return out

    compare("contrast", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_saturate(level):
    factor, more = {1: (0.3, 0), 2: (0.1, 0), 3: (1.5, 0), 4: (2, 0.1), 5: (2.5, 0.2)}[level]

    def literal(image, generator):
        out = np.empty_like(image)
        for y in range(32):
            for x in range(32):
                hue, saturation, value = colorsys.rgb_to_hsv(*image[y, x])
                out[y, x] = colorsys.hsv_to_rgb(hue, min(saturation * factor + more, 1), value)
        return out

    compare("saturate", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_elastic_transform(level):
    from scipy.ndimage import gaussian_filter, map_coordinates

    alpha, sigma, affine = {
        1: (0, 0, 32 * 0.08),
        2: (32 * 0.05, 32 * 0.2, 32 * 0.07),
        3: (32 * 0.08, 32 * 0.06, 32 * 0.06),
        4: (32 * 0.1, 32 * 0.04, 32 * 0.05),
        5: (32 * 0.1, 32 * 0.03, 32 * 0.03),
    }[level]

    def literal(image, generator):
        before = np.array([(26.0, 26.0), (26.0, 6.0), (6.0, 6.0)])
        after = before + generator.uniform(-affine, affine, (3, 2))
        # The map takes `before` to `after`: x' = a x + b y + c, and likewise y'; images are read at its inverse.
        system = np.hstack([before, np.ones((3, 1))])
        forth = np.vstack([np.linalg.solve(system, after).T, [0, 0, 1]])
        back = np.linalg.inv(forth)
        warped = np.empty_like(image)
        for y in range(32):
            for x in range(32):
                sx, sy, _ = back @ [x, y, 1]
                for channel in range(3):
                    place = [[sy], [sx]]
                    warped[y, x, channel] = map_coordinates(image[:, :, channel], place, order=1, mode="mirror")[0]
        dx, dy = (
            alpha * gaussian_filter(generator.uniform(-1, 1, (32, 32)), sigma, mode="reflect", truncate=3)
            for _ in range(2)
        )
        rows, columns = np.mgrid[:32, :32]
        layers = [
            map_coordinates(warped[:, :, channel], [rows + dy, columns + dx], order=1, mode="reflect")
            for channel in range(3)
        ]
        return np.stack(layers, axis=2)

    compare("elastic_transform", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_pixelate(level):
    side = {1: 30, 2: 28, 3: 27, 4: 24, 5: 20}[level]

    def literal(image, generator):
        small = Image.fromarray(np.rint(image * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BOX)
        return np.asarray(small.resize((32, 32), Image.Resampling.BOX)) / 255

    compare("pixelate", level, literal, off=0)


@pytest.mark.parametrize("level", LEVELS)
def test_jpeg_compression(level):
    quality = {1: 80, 2: 65, 3: 58, 4: 50, 5: 40}[level]

    def literal(image, generator):
        stream = io.BytesIO()
        Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(stream, "JPEG", quality=quality)
        return np.asarray(Image.open(stream)) / 255

    compare("jpeg_compression", level, literal, off=0)


def test_elastic_moves_the_more_the_lower_the_level():
    """The affine part, the larger one, shrinks from level to level."""
    rows = torch.arange(32, dtype=torch.uint8).view(1, 1, 32, 1).expand(100, 3, 32, 32) * 8
    moved = [
        (corrupt(rows, "elastic_transform", level, generators(100)).double() - rows.double())[..., 8:24, 8:24]
        .mean(dim=(1, 2, 3))
        .abs()
        .mean()
        for level in LEVELS
    ]
    assert moved == sorted(moved, reverse=True)
