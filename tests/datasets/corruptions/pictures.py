"""What the tests of corruptions share: a few images, generators, and a literal way to corrupt one image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fdd_lightning.datasets.corruptions import corrupt
from tests.fakes_cifar import cifar_arrays

LEVELS = (1, 2, 3, 4, 5)

Image = NDArray[np.float64]
"""(32, 32, 3) in 0..1."""


def pictures(count: int = 3) -> Tensor:
    """Blots with noise on them, and a part that is black and one that is white: uint8, (count, 3, 32, 32)."""
    images = cifar_arrays(1)[0][:count].clone()
    noise = torch.randint(-40, 40, images.shape, generator=torch.Generator().manual_seed(count))
    images = (images.to(torch.int64) + noise).clamp(0, 255).to(torch.uint8)
    images[:, :, 20:26, 3:9] = 0
    images[:, :, 5:11, 20:26] = 255
    return images


def generators(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, number)) for number in range(count)]


def compare(name: str, level: int, literal: Callable[[Image, np.random.Generator], Image], off: float = 0.002) -> None:
    """Check that a corruption equals its literal restatement, image by image, to within rounding of a level.

    Args:
        name: Which corruption.
        level: How strongly.
        literal: Corrupts one image, values beyond 0..1 allowed.
        off: Share of values that may differ by a level, because rounding errors meet truncation.
    """
    images = pictures()
    out = corrupt(images, name, level, generators(len(images)), "generated")
    assert out.dtype == torch.uint8
    assert out.shape == images.shape
    for image, result, generator in zip(images, out, generators(len(images)), strict=True):
        expected = literal(image.permute(1, 2, 0).numpy() / 255, generator).clip(0, 1) * 255
        expected = np.floor(expected + 1e-4)
        difference = np.abs(result.permute(1, 2, 0).numpy() - expected)
        assert difference.max() <= 1
        assert (difference > 0).mean() <= off
