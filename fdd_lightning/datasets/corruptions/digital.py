"""Digital damage: contrast, saturation, elastic deformation, pixels made larger, JPEG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fdd_lightning.datasets.corruptions.base import SIZE, Array, Generators, as_bytes, drawn
from fdd_lightning.datasets.corruptions.resampling import bilinear, mirrored, reflected

CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)
SATURATE = ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2))
"""Factor and summand of the saturation."""
ELASTIC = ((0.0, 0.0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))
"""Reach of the displacement, its smoothness, and reach of the affine map, in sides of the image."""
PIXELATE = (0.95, 0.9, 0.85, 0.75, 0.65)
JPEG_QUALITY = (80, 65, 58, 50, 40)


def contrast(images: Array, level: int, generators: Generators) -> Array:
    """Pull every channel towards its mean."""
    means: Array = images.mean(axis=(1, 2), keepdims=True)
    return (images - means) * CONTRAST[level - 1] + means


def saturate(images: Array, level: int, generators: Generators) -> Array:
    """Change the saturation (of HSV): less at levels 1 and 2, more from 3 on."""
    from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

    factor, summand = SATURATE[level - 1]
    hsv = rgb_to_hsv(images)
    hsv[..., 1] = (hsv[..., 1] * factor + summand).clip(0, 1)
    return np.asarray(hsv_to_rgb(hsv))


def elastic_transform(images: Array, level: int, generators: Generators) -> Array:
    """Move three points, and the image with them by the affine map they fix; then displace pixels by a smooth field."""
    from scipy.ndimage import gaussian_filter

    reach, smoothness, affine = (SIZE * share for share in ELASTIC[level - 1])
    centre, arm = SIZE // 2, SIZE // 3
    corners = centre + arm * np.array([(1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)])  # (x, y)
    moved = corners + drawn(generators, lambda generator: generator.uniform(-affine, affine, (3, 2)))
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    ones = np.ones((len(images), 3, 1))
    back = np.linalg.solve(np.concatenate([moved, ones], axis=2), np.broadcast_to(corners, moved.shape))
    grid = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    places = (grid.reshape(-1, 3) @ back).reshape(-1, SIZE, SIZE, 2)
    images = bilinear(images, places[..., 1], places[..., 0], mirrored)
    field = drawn(generators, lambda generator: generator.uniform(-1, 1, (2, SIZE, SIZE)))
    field = reach * gaussian_filter(field, smoothness, axes=(2, 3), mode="reflect", truncate=3.0)
    return bilinear(images, rows + field[:, 1], columns + field[:, 0], reflected)


def pixelate(images: Array, level: int, generators: Generators) -> Array:
    """Resize to fewer pixels and back, both by box filters."""
    side = int(SIZE * PIXELATE[level - 1])

    def one(image: Image.Image) -> Image.Image:
        box = Image.Resampling.BOX
        return image.resize((side, side), box).resize((SIZE, SIZE), box)

    return np.stack([np.asarray(one(Image.fromarray(image))) for image in as_bytes(images)]) / 255


def jpeg_compression(images: Array, level: int, generators: Generators) -> Array:
    """Write as JPEG of low quality, and read again."""

    def one(image: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=JPEG_QUALITY[level - 1])
        return Image.open(stream)

    return np.stack([np.asarray(one(Image.fromarray(image))) for image in as_bytes(images)]) / 255
