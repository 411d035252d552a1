"""Weather: snow, fog, brightness; frost and spatter have files of their own."""

from __future__ import annotations

import numpy as np

from fdd_lightning.datasets.corruptions.base import SIZE, Array, Generators, drawn
from fdd_lightning.datasets.corruptions.resampling import motion_blurred, zoom_matrix

SNOW = (
    (0.1, 0.2, 1.0, 0.6, 8, 3.0, 0.95),
    (0.1, 0.2, 1.0, 0.5, 10, 4.0, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4.0, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6.0, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12.0, 0.8),
)
"""Mean and std of the flakes, their zoom and threshold, radius and sigma of their fall, share of the image kept."""
FOG = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
"""Amplitude, and how much less of it each finer scale of the map has."""
BRIGHTNESS = (0.05, 0.1, 0.15, 0.2, 0.3)
LUMA = np.array([0.299, 0.587, 0.114])


def snow(images: Array, level: int, generators: Generators) -> Array:
    """Whiten the image, and lay falling streaks on it: once as they are, and once turned by half a turn.

    Their direction is drawn within 45 degrees of the vertical.
    """
    mean, std, zoom, threshold, radius, sigma, kept = SNOW[level - 1]
    flakes = drawn(generators, lambda generator: generator.normal(mean, std, (SIZE, SIZE)))
    degrees = drawn(generators, lambda generator: generator.uniform(-135, -45, ()))
    matrix = zoom_matrix(zoom)
    flakes = matrix @ flakes @ matrix.T
    flakes[flakes < threshold] = 0
    # Bytes before and after the blur, because ImageMagick takes and hands back bytes.
    flakes = np.floor(flakes.clip(0, 1) * 255) / 255
    flakes = np.rint(motion_blurred(flakes[..., None], radius, sigma, degrees) * 255) / 255
    grey = (images @ LUMA)[..., None]
    whitened: Array = kept * images + (1 - kept) * np.maximum(images, grey * 1.5 + 0.5)
    return whitened + flakes + np.rot90(flakes, 2, axes=(1, 2))


def fog(images: Array, level: int, generators: Generators) -> Array:
    """Add a cloudy map, and scale such that the brightest value stays about what it was."""
    amplitude, decay = FOG[level - 1]
    brightest: Array = images.max(axis=(1, 2, 3), keepdims=True)
    return (images + amplitude * plasma(generators, decay)[..., None]) * brightest / (brightest + amplitude)


def plasma(generators: Generators, decay: float) -> Array:
    """Draw cloudy maps by the diamond-square rule on a torus: each new point is the mean of four plus a jolt.

    Jolts are uniform within +-100^2 at first; the root of that reach is divided by ``decay`` from scale to scale.

    Returns:
        (n, 32, 32), from 0 to 1 in each map.
    """
    maps = np.zeros((len(generators), SIZE, SIZE))
    jolts = drawn(generators, lambda generator: generator.uniform(-1, 1, SIZE**2 - 1))
    step, root, used = SIZE, 100.0, 0

    def filled(total: Array) -> Array:
        nonlocal used
        count = total.shape[1] * total.shape[2]
        jolt = jolts[:, used : used + count].reshape(total.shape)
        used += count
        return total / 4 + root**2 * jolt

    while step >= 2:
        half = step // 2
        corners = maps[:, ::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=1)
        maps[:, half::step, half::step] = filled(pairs + np.roll(pairs, -1, axis=2))
        middles = maps[:, half::step, half::step]
        across = middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=2)
        along = middles + np.roll(middles, 1, axis=2) + corners + np.roll(corners, -1, axis=1)
        maps[:, ::step, half::step] = filled(across)
        maps[:, half::step, ::step] = filled(along)
        step, root = half, root / decay
    maps -= maps.min(axis=(1, 2), keepdims=True)
    maps /= maps.max(axis=(1, 2), keepdims=True)
    return maps


def brightness(images: Array, level: int, generators: Generators) -> Array:
    """Raise the value (of HSV)."""
    from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

    hsv = rgb_to_hsv(images)
    hsv[..., 2] = (hsv[..., 2] + BRIGHTNESS[level - 1]).clip(0, 1)
    return np.asarray(hsv_to_rgb(hsv))
