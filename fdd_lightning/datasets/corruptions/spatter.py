"""Spatter: drops of water (levels 1 to 3) or of mud (4 and 5).

OpenCV's steps are written anew, for many images at once, to the same bytes: its edges, its near distances (steps of 1,
1.4 and 2.1969 to the neighbours of a 5 x 5 mask), its means and its equalisation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fdd_lightning.datasets.corruptions.base import SIZE, Array, Generators, drawn
from fdd_lightning.datasets.corruptions.blur import smoothed

SPATTER = (
    (0.62, 0.1, 0.7, 0.7, 0.5, "water"),
    (0.65, 0.1, 0.8, 0.7, 0.5, "water"),
    (0.65, 0.3, 1.0, 0.69, 0.5, "water"),
    (0.65, 0.1, 0.7, 0.69, 0.6, "mud"),
    (0.65, 0.1, 0.5, 0.68, 0.6, "mud"),
)
"""Mean and std of the liquid, its smoothness and threshold; strength of water or blur of mud; which of the two."""
WATER = np.array([175, 238, 238]) / 255
MUD = np.array([63, 42, 20]) / 255
RELIEF = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
"""Light from one corner, which makes drops look round."""

EDGE_LOW, EDGE_HIGH = 50, 150
FARTHEST = 20
STEPS = {(0, 1): 1.0, (1, 1): 1.4, (1, 2): 2.1969}
"""Length of a step by its smaller and its larger side."""
STEEP = np.tan(np.deg2rad(22.5))


def spatter(images: Array, level: int, generators: Generators) -> Array:
    """Lay drops on the image."""
    mean, std, smoothness, threshold, last, kind = SPATTER[level - 1]
    liquid = drawn(generators, lambda generator: generator.normal(mean, std, (SIZE, SIZE)))
    liquid = smoothed(liquid, smoothness)
    liquid[liquid < threshold] = 0
    if kind == "water":
        return images + last * water(liquid)[..., None] * WATER
    mud = smoothed((liquid > threshold).astype(np.float64), last)[..., None]
    mud[mud < 0.8] = 0
    return images * (1 - mud) + mud * MUD


def water(liquid: Array) -> Array:
    """Shade drops by the distance to their rims.

    Args:
        liquid: (n, 32, 32) in 0..1, 0 where there is none.

    Returns:
        (n, 32, 32) in 0..1, 1 at the brightest point of each image; 0 everywhere in an image without liquid.
    """
    from scipy.ndimage import correlate

    drops = np.floor(liquid.clip(0, 1) * 255).astype(np.uint8)
    distance = box_mean(distance_to(rims(drops))) + 1e-6  # so that rounding errors cost no whole step
    levels = np.stack([equalised(image) for image in distance.astype(np.uint8)]).astype(np.float64)
    relief = np.rint(box_mean(correlate(levels, RELIEF[None], mode="mirror").clip(0, 255)))
    shade: Array = drops * relief
    brightest = shade.max(axis=(1, 2), keepdims=True)
    return shade / np.where(brightest > 0, brightest, 1)


def distance_to(points: NDArray[np.bool_]) -> Array:
    """Measure how far each pixel is from the nearest point of its image, at most 20: (n, 32, 32)."""
    distance = np.where(points, 0.0, FARTHEST)
    moves = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]
    lengths = {move: STEPS.get((min(map(abs, move)), max(map(abs, move)))) for move in moves}
    while True:
        around = np.pad(distance, ((0, 0), (2, 2), (2, 2)), constant_values=FARTHEST)
        nearer = distance
        for (down, right), length in lengths.items():
            if length is not None:
                beside = around[:, 2 + down : 2 + down + SIZE, 2 + right : 2 + right + SIZE]
                nearer = np.minimum(nearer, beside + length)
        if np.array_equal(nearer, distance):
            return distance
        distance = nearer


def box_mean(images: Array) -> Array:
    """Take the mean of each pixel and its eight neighbours; at the edge the image is mirrored."""
    from scipy.ndimage import correlate

    total: Array = correlate(images, np.ones((1, 3, 3)), mode="mirror")
    return total / 9


def equalised(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Spread the levels of an image over 0..255 by their cumulative counts; an image of one level stays."""
    counts = np.bincount(image.ravel(), minlength=256)
    lowest = int(counts.nonzero()[0][0])
    rest = image.size - counts[lowest]
    if rest == 0:
        return image
    table: NDArray[np.uint8] = np.rint((counts.cumsum() - counts[lowest]).clip(0) * 255 / rest).astype(np.uint8)
    return table[image]


def rims(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Find edges by Canny's rule, with OpenCV's choices: 3 x 3 Sobel, |dx| + |dy|, thresholds 50 and 150."""
    from scipy.ndimage import correlate1d, label

    values = images.astype(np.int64)
    slope, smooth = (-1, 0, 1), (1, 2, 1)
    right = correlate1d(correlate1d(values, slope, axis=2, mode="nearest"), smooth, axis=1, mode="nearest")
    down = correlate1d(correlate1d(values, slope, axis=1, mode="nearest"), smooth, axis=2, mode="nearest")
    strength = np.abs(right) + np.abs(down)
    around = np.pad(strength, ((0, 0), (1, 1), (1, 1)))

    def beside(rows: int, columns: int) -> NDArray[np.int64]:
        return around[:, 1 + rows : 1 + rows + SIZE, 1 + columns : 1 + columns + SIZE]

    # A ridge is stronger than its neighbours across the edge; of two equal ones along an axis the second counts.
    flat, steep = np.abs(down) < STEEP * np.abs(right), np.abs(down) > (2 + STEEP) * np.abs(right)
    falling = (right < 0) != (down < 0)
    across = np.where(falling, beside(-1, 1), beside(-1, -1)), np.where(falling, beside(1, -1), beside(1, 1))
    ridge = np.select(
        [flat, steep],
        [
            (strength > beside(0, -1)) & (strength >= beside(0, 1)),
            (strength > beside(-1, 0)) & (strength >= beside(1, 0)),
        ],
        (strength > across[0]) & (strength > across[1]),
    )
    ridge &= strength > EDGE_LOW
    # A chain of ridge pixels, diagonals included, is an edge if one of them is strong.
    linked = np.zeros((3, 3, 3), dtype=bool)
    linked[1] = True
    chains, _ = label(ridge, linked)
    strong = np.unique(chains[ridge & (strength > EDGE_HIGH)])
    edges: NDArray[np.bool_] = np.isin(chains, strong)
    return edges
