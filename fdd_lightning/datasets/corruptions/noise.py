"""Noise: Gaussian, shot, impulse and speckle."""

from __future__ import annotations

import numpy as np

from fdd_lightning.datasets.corruptions.base import Array, Generators, drawn

GAUSSIAN_STD = (0.04, 0.06, 0.08, 0.09, 0.10)
SHOT_PHOTONS = (500, 250, 100, 75, 50)
IMPULSE_AMOUNT = (0.01, 0.02, 0.03, 0.05, 0.07)
SPECKLE_STD = (0.06, 0.1, 0.12, 0.16, 0.2)


def gaussian_noise(images: Array, level: int, generators: Generators) -> Array:
    """Add N(0, std^2) to every value."""
    return images + GAUSSIAN_STD[level - 1] * _normal(images, generators)


def shot_noise(images: Array, level: int, generators: Generators) -> Array:
    """Replace every value x by Poisson(x c) / c, as of c photons."""
    photons = SHOT_PHOTONS[level - 1]
    counts = [generator.poisson(image * photons) for image, generator in zip(images, generators, strict=True)]
    return np.stack(counts) / photons


def impulse_noise(images: Array, level: int, generators: Generators) -> Array:
    """Set a share of the values, of each channel on its own, to 0 or 1 with equal chance (salt and pepper)."""
    shape = images.shape[1:]
    hit = drawn(generators, lambda generator: generator.random((2, *shape)))
    return np.where(hit[:, 0] <= IMPULSE_AMOUNT[level - 1], hit[:, 1] <= 0.5, images)


def speckle_noise(images: Array, level: int, generators: Generators) -> Array:
    """Add noise in proportion to the value: x + x N(0, std^2)."""
    return images + images * SPECKLE_STD[level - 1] * _normal(images, generators)


def _normal(images: Array, generators: Generators) -> Array:
    shape = images.shape[1:]
    return drawn(generators, lambda generator: generator.standard_normal(shape))
