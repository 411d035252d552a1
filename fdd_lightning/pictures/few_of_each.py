"""Small pictures of a few images of each class, without text: for pages, which write it themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import interpolate

from fdd_lightning.pictures.layout import Pixels, tile, to_rgb

if TYPE_CHECKING:
    from PIL import Image

OF_EACH = 3
"""Images of a class."""
MOST_CLASSES = 20
LARGEST = 64
"""Pixels on the longer side of an image; larger ones are shrunk."""


def small(images: Tensor, largest: int = LARGEST) -> Pixels:
    """Return images (n, C, H, W) on a 0..1 scale as uint8 (n, H, W, 3), shrunk where they are larger."""
    longer = max(images.shape[2:])
    if longer > largest:
        size = [max(1, round(side * largest / longer)) for side in images.shape[2:]]
        images = interpolate(images.float(), size, mode="area")
    return to_rgb(images)


def few_of_each(images: Tensor, labels: Tensor, num_classes: int, each: int = OF_EACH) -> Image.Image:
    """Draw the first images of each class, a class in a row; of many classes the first ones.

    Args:
        images: (N, C, H, W) on a 0..1 scale, N at least 1.
        labels: Class of each.
        num_classes: How many classes there are.
        each: Images of a class.
    """
    import numpy as np
    from PIL import Image

    rows = []
    for target in range(min(num_classes, MOST_CLASSES)):
        own = small(images[labels == target][:each])
        blank = np.full((max(0, each - len(own)), *own.shape[1:]), 255, dtype=np.uint8)
        rows.append(tile(np.concatenate([own, blank]), each, 1))
    return Image.fromarray(np.concatenate(rows))
