"""Moving pixels: zoom about the centre, motion along a line, bilinear sampling; all for many images at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fdd_lightning.datasets.corruptions.base import SIZE, Array

Index = NDArray[np.intp]


@lru_cache
def zoom_matrix(factor: float) -> Array:
    """Return the matrix (32, 32) that zooms one axis by a factor of at least 1; its rows sum to one.

    The middle of the line is cut out, enlarged linearly, and trimmed; both cuts round as in the published code. Zooming
    an image is ``matrix @ image @ matrix.T``.
    """
    from scipy.ndimage import zoom

    kept = math.ceil(SIZE / factor)
    first = (SIZE - kept) // 2
    enlarged = zoom(np.eye(kept), (factor, 1), order=1)
    trim = (len(enlarged) - SIZE) // 2
    matrix = np.zeros((SIZE, SIZE))
    matrix[:, first : first + kept] = enlarged[trim : trim + SIZE]
    return matrix


def motion_blurred(images: Array, radius: int, sigma: float, degrees: Array) -> Array:
    """Blur along a line from each pixel outwards, as ImageMagick does: half a Gaussian over 2 radius + 1 steps.

    Steps go to the nearest pixel; beyond the edge its last pixel goes on.

    Args:
        images: (n, 32, 32, C).
        radius: Of the kernel, in pixels.
        sigma: Standard deviation of the Gaussian, in pixels.
        degrees: (n,), direction of each image.

    Returns:
        (n, 32, 32, C).
    """
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    turn = np.deg2rad(degrees)[:, None]
    down, right = (np.ceil(steps * part - 0.5).astype(np.intp) for part in (np.sin(turn), np.cos(turn)))
    place, number = np.arange(SIZE), np.arange(len(images))[:, None, None]
    out = np.zeros_like(images)
    for step in steps:
        rows = (place + down[:, step, None]).clip(0, SIZE - 1)
        columns = (place + right[:, step, None]).clip(0, SIZE - 1)
        out += weights[step] * images[number, rows[:, :, None], columns[:, None, :]]
    return out


def bilinear(images: Array, rows: Array, columns: Array, fold: Callable[[Index], Index]) -> Array:
    """Read images at places between pixels.

    Args:
        images: (n, 32, 32, C).
        rows: (n, 32, 32), where each pixel is read.
        columns: (n, 32, 32).
        fold: Brings places beyond the edge back: :func:`mirrored` or :func:`reflected`.

    Returns:
        (n, 32, 32, C).
    """
    top, left = np.floor(rows).astype(np.intp), np.floor(columns).astype(np.intp)
    lower, righter = (rows - top)[..., None], (columns - left)[..., None]
    number = np.arange(len(images))[:, None, None]

    def read(row: Index, column: Index) -> Array:
        return images[number, fold(row), fold(column)]

    above = (1 - righter) * read(top, left) + righter * read(top, left + 1)
    below = (1 - righter) * read(top + 1, left) + righter * read(top + 1, left + 1)
    return (1 - lower) * above + lower * below


def mirrored(places: Index) -> Index:
    """Fold at the centre of the last pixel: c b | a b c."""
    period = 2 * (SIZE - 1)
    places = places % period
    return np.minimum(places, period - places)


def reflected(places: Index) -> Index:
    """Fold at the edge of the last pixel: b a | a b c."""
    period = 2 * SIZE
    places = places % period
    return np.minimum(places, period - 1 - places)
