"""Blurs: Gaussian, defocus, glass, motion and zoom."""

from __future__ import annotations

import numpy as np

from fdd_lightning.datasets.corruptions.base import SIZE, Array, Generators, drawn
from fdd_lightning.datasets.corruptions.resampling import motion_blurred, zoom_matrix

GAUSSIAN_SIGMA = (0.4, 0.6, 0.7, 0.8, 1.0)
DEFOCUS = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
"""Radius of the disk, and sigma of the blur that smooths its rim."""
GLASS = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))
"""Sigma of the blur before and after, and passes."""
MOTION = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))
"""Radius and sigma of the kernel."""
ZOOM_END = (1.06, 1.11, 1.16, 1.21, 1.26)


def smoothed(images: Array, sigma: float) -> Array:
    """Blur by a Gaussian along the second and third axis; beyond the edge its last pixel goes on."""
    from scipy.ndimage import gaussian_filter

    blurred: Array = gaussian_filter(images, sigma, axes=(1, 2), mode="nearest", truncate=4.0)
    return blurred


def gaussian_blur(images: Array, level: int, generators: Generators) -> Array:
    """Blur by a Gaussian."""
    return smoothed(images, GAUSSIAN_SIGMA[level - 1])


def defocus_kernel(radius: float, sigma: float) -> Array:
    """Return a disk with a soft rim, (5, 5), which holds radii below 2; its values sum to one."""
    from scipy.ndimage import gaussian_filter

    rows, columns = np.mgrid[-2:3, -2:3]
    disk = (rows**2 + columns**2 <= radius**2).astype(np.float64)
    kernel: Array = gaussian_filter(disk / disk.sum(), sigma, mode="constant", radius=1)
    return kernel


def defocus_blur(images: Array, level: int, generators: Generators) -> Array:
    """Blur by a disk, as a lens out of focus does."""
    from scipy.ndimage import correlate

    kernel = defocus_kernel(*DEFOCUS[level - 1])
    blurred: Array = correlate(images, kernel[None, :, :, None], mode="mirror")
    return blurred


def glass_blur(images: Array, level: int, generators: Generators) -> Array:
    """Blur, let every pixel take the value of one of its upper left neighbours (or keep its own), and blur again.

    The published code means to swap pixels, but overwrites one before it is copied, so that each ends as a copy of
    itself, of the pixel above, on the left, or above on the left, with equal chance. The data sets made by it look like
    that, and so do ours. The first two rows and columns stay.
    """
    sigma, passes = GLASS[level - 1]
    images = np.floor(smoothed(images, sigma) * 255 + 1e-4) / 255
    shape = (2, SIZE - 2, SIZE - 2)
    number, place = np.arange(len(images))[:, None, None], np.arange(2, SIZE)
    for _ in range(passes):
        shift = np.stack([generator.integers(-1, 1, shape) for generator in generators])
        moved = images.copy()
        moved[:, 2:, 2:] = images[number, place[:, None] + shift[:, 0], place + shift[:, 1]]
        images = moved
    return smoothed(images, sigma)


def motion_blur(images: Array, level: int, generators: Generators) -> Array:
    """Blur along a line, its direction drawn within 45 degrees of the horizontal."""
    degrees = drawn(generators, lambda generator: generator.uniform(-45, 45, ()))
    radius, sigma = MOTION[level - 1]
    # To the nearest byte, which is what ImageMagick hands back.
    blurred: Array = np.rint(motion_blurred(images, radius, sigma, degrees).clip(0, 1) * 255)
    return blurred / 255


def zoom_blur(images: Array, level: int, generators: Generators) -> Array:
    """Average the image with itself zoomed by 1, 1.01, and so on."""
    # Whether the last factor is one of them is up to rounding in `arange`; it decides as in the published code.
    factors = np.arange(1, ZOOM_END[level - 1], 0.01)
    planes = images.transpose(0, 3, 1, 2)
    total = planes.copy()
    for matrix in (zoom_matrix(float(factor)) for factor in factors):
        total += matrix @ planes @ matrix.T
    return total.transpose(0, 2, 3, 1) / (len(factors) + 1)
