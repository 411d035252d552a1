"""The 19 corruptions of Hendrycks and Dietterich (2019) for images of 32 x 32, at levels 1 to 5, and ``original``.

Constants are those of hendrycks/robustness: ImageNet-C/create_c/make_cifar_c.py, with which CIFAR-10-C and Corrupted
CIFAR-10 were made; packages such as imagecorruptions have those of ImageNet-C, for larger images, and cannot be given
others. The operators stand on scipy, Pillow and matplotlib (HSV), work on many images at once, and draw from one
generator per image.

Given the same draws, every operator equals the published code run on current packages to within one level of 255, save
rare pixels of spatter (level 3). Differences, beyond the draws:

- Results are truncated to bytes, as there, but a value that is a whole byte up to rounding error stays that byte; there
  it falls by one level or not, as rounding has it.
- Motion blur and snow: ImageMagick's kernel and steps are computed here, without its 16-bit numbers in between.
- Elastic: places of the affine map are exact; OpenCV before version 5 rounds them to 1/32 of a pixel.
- Spatter: an image without drops stays as it is; there it is divided by zero.
- Frost: without the published photographs, textures are generated (see :mod:`.frost`).
- JPEG: Pillow's encoder, whose version decides on single levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from fdd_lightning.datasets.corruptions.base import LEVELS, SIZE, Array, Generators, Operator
from fdd_lightning.datasets.corruptions.blur import defocus_blur, gaussian_blur, glass_blur, motion_blur, zoom_blur
from fdd_lightning.datasets.corruptions.digital import (
    contrast,
    elastic_transform,
    jpeg_compression,
    pixelate,
    saturate,
)
from fdd_lightning.datasets.corruptions.frost import FrostTextures, frost
from fdd_lightning.datasets.corruptions.noise import gaussian_noise, impulse_noise, shot_noise, speckle_noise
from fdd_lightning.datasets.corruptions.spatter import spatter
from fdd_lightning.datasets.corruptions.weather import brightness, fog, snow
from fdd_lightning.errors import ConfigError

__all__ = ["LEVELS", "OPERATORS", "SIZE", "FrostTextures", "corrupt"]


def original(images: Array, level: int, generators: Generators) -> Array:
    """Leave images as they are."""
    return images


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "gaussian_noise": gaussian_noise,
        "shot_noise": shot_noise,
        "impulse_noise": impulse_noise,
        "speckle_noise": speckle_noise,
        "gaussian_blur": gaussian_blur,
        "defocus_blur": defocus_blur,
        "glass_blur": glass_blur,
        "motion_blur": motion_blur,
        "zoom_blur": zoom_blur,
        "snow": snow,
        "frost": frost,
        "fog": fog,
        "brightness": brightness,
        "spatter": spatter,
        "contrast": contrast,
        "saturate": saturate,
        "elastic_transform": elastic_transform,
        "pixelate": pixelate,
        "jpeg_compression": jpeg_compression,
        "original": original,
    }
)
"""All corruptions by name."""


def corrupt(
    images: Tensor, name: str, level: int, generators: Generators, textures: FrostTextures = "photographs"
) -> Tensor:
    """Corrupt images.

    Args:
        images: uint8, (n, 3, 32, 32).
        name: Which corruption, a key of :data:`OPERATORS`.
        level: How strongly, 1 to 5.
        generators: One per image, from which all its draws are made.
        textures: Which textures frost takes.

    Returns:
        uint8, (n, 3, 32, 32), truncated.

    Raises:
        ConfigError: The corruption or the level is unknown, or the images have another shape.
    """
    if name not in OPERATORS:
        raise ConfigError(f"corruption {name!r} is unknown: one of {', '.join(OPERATORS)}")
    if level not in range(1, LEVELS + 1):
        raise ConfigError(f"level={level} of a corruption: it must be 1, 2, 3, 4 or 5")
    if images.shape[1:] != (3, SIZE, SIZE) or len(images) != len(generators):
        raise ConfigError(
            f"corruptions take images of (n, 3, {SIZE}, {SIZE}) with a generator each, not "
            f"{tuple(images.shape)} with {len(generators)}"
        )
    if name == "original" or not len(images):
        return images.clone()
    operator = partial(frost, textures=textures) if name == "frost" else OPERATORS[name]
    pixels = images.permute(0, 2, 3, 1).numpy() / 255.0
    # The small summand keeps whole bytes whole that rounding errors made a little less.
    out = np.floor(operator(pixels, level, generators).clip(0, 1) * 255 + 1e-4).astype(np.uint8)
    return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()
