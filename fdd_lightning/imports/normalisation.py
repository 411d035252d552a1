"""What the numbers of somebody's images mean: pixels, bytes, or values normalised by a mean and a deviation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, FileFormatError

WHITENED = "zca"
CHOICES = ("data", "raw", "bytes", WHITENED)
SAID = "say it by --normalisation: data, raw (0 to 1), bytes (0 to 255), zca (whitened), or MEAN,.../STD,..."
NEAR = 0.02
"""How far beyond 0..1 pixels may be found."""
FAR = 0.5
"""How far beyond 0..1 the pixels of distilled images lie rarely."""
FEW, SEVERAL = 0.1, 0.25
"""Shares of values beyond 0..1: of pixels fewer, though distilled ones reach there; of normalised images more."""
LEAST_BYTES = 16
"""What the largest of some bytes exceeds."""


@dataclass(frozen=True)
class Normalisation:
    """How a value is got from a pixel on the 0..1 scale: ``(pixel - mean) / std``.

    Attributes:
        name: ``data``, ``raw``, ``bytes``, ``zca``, or the numbers as they were said.
        mean: For each channel; whitened images have none.
        std: For each channel.
        reason: How it was found, in words.

    Example:
        >>> Normalisation("raw", (0.0,), (1.0,)).pixels(torch.ones(1, 1, 2, 2)).unique()
        tensor([1.])
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    reason: str = "as said"

    def __str__(self) -> str:
        def each(values: Sequence[float]) -> str:
            return ", ".join(f"{value:.4g}" for value in values)

        words = {
            "data": f"normalised as the data set is (mean {each(self.mean)}; std {each(self.std)})",
            "raw": "pixels on the scale 0 to 1",
            "bytes": "bytes, 0 to 255",
            WHITENED: "whitened (ZCA), as MTT's networks see them",
        }
        return words.get(self.name, f"normalised by mean {each(self.mean)}; std {each(self.std)}")

    def pixels(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W) as pixels on the 0..1 scale."""
        mean, std = (torch.tensor(values, dtype=torch.float32).view(-1, 1, 1) for values in (self.mean, self.std))
        return images * std + mean


def said(text: str, data: BaseDataModule) -> Normalisation:
    """Return the normalisation that a text names.

    Raises:
        ConfigError: It names none, or has not one mean and one deviation for each channel.
    """
    channels = data.image_shape[0]
    known = {
        "data": Normalisation("data", data.mean, data.std),
        "raw": Normalisation("raw", (0.0,) * channels, (1.0,) * channels),
        "bytes": Normalisation("bytes", (0.0,) * channels, (1 / 255,) * channels),
        WHITENED: Normalisation(WHITENED, (), ()),
    }
    if text in known:
        return known[text]
    try:
        mean, std = (tuple(float(part) for part in re.split("[, ]+", half.strip())) for half in text.split("/"))
    except ValueError:
        raise ConfigError(f"--normalisation {text}: is none: {SAID}") from None
    mean, std = (values * channels if len(values) == 1 else values for values in (mean, std))
    numbers = [*mean, *std]
    if {len(mean), len(std)} != {channels} or not all(map(math.isfinite, numbers)) or min(std) <= 0:
        raise ConfigError(
            f"--normalisation {text}: needs one mean and one deviation above 0 for each of {channels} channels"
        )
    return Normalisation(text, mean, std)


def inferred(images: Tensor, data: BaseDataModule, where: str) -> Normalisation:
    """Return the normalisation that the range of the values speaks for.

    Args:
        images: (N, C, H, W), finite.
        data: The data set that the images were made from.
        where: What to call the file in a message.

    Raises:
        FileFormatError: The range fits none, or more than one.
    """
    if images.dtype == torch.uint8:
        return _because(said("bytes", data), "they are stored as such")
    low, high = float(images.min()), float(images.max())
    reach, own = f"values reach from {low:.3g} to {high:.3g}", said("data", data)
    if low >= 0 and LEAST_BYTES < high <= 255:
        return _because(said("bytes", data), reach)
    values = images.float()
    no_pixels = _outside(values, NEAR)
    if no_pixels < FEW:
        return _because(said("raw", data), reach if no_pixels == 0 else f"{reach}, {no_pixels:.1%} of them beyond 0..1")
    scaled = abs(low + 1) < NEAR and abs(high - 1) < NEAR  # -1..1 to the point: scaled by somebody
    as_scaled = all(abs(m - 0.5) < NEAR and abs(s - 0.5) < NEAR for m, s in zip(own.mean, own.std, strict=True))
    strange = _outside(own.pixels(values), FAR)
    if no_pixels < SEVERAL or strange > SEVERAL or (scaled and not as_scaled):
        raise FileFormatError(f"{where}: {reach}, which does not tell their normalisation: {SAID}")
    return _because(own, reach)


def _outside(pixels: Tensor, by: float) -> float:
    """Return the share of values that lie beyond 0..1 by more than so much."""
    return float(((pixels < -by) | (pixels > 1 + by)).float().mean())


def _because(found: Normalisation, reason: str) -> Normalisation:
    return Normalisation(found.name, found.mean, found.std, f"inferred: {reason}")
