"""The six operations of differentiable siamese augmentation, each split into drawing and applying.

Source: Zhao & Bilen, *Dataset Condensation with Differentiable Siamese Augmentation*, ICML 2021, with the constants of
the authors' code (VICO-UoE/DatasetCondensation, ``utils.py``, ``ParamDiffAug``).

``draw_*(count, size, generator)`` draws ``count`` sets of parameters on the CPU for images of ``size`` (H, W).
``apply_*(images, parameters)`` applies one set to all images (N, C, H, W), or one set each; it is differentiable and
does not change ``images``. Images are normalised, so that the 0 which fills empty places is the mean colour.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from types import MappingProxyType
from typing import Final, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.devices import moved, moved_like

BRIGHTNESS: Final = 1.0
SATURATION: Final = 2.0
CONTRAST: Final = 0.5
CROP_RATIO: Final = 0.125
CUTOUT_RATIO: Final = 0.5
FLIP_PROBABILITY: Final = 0.5
SCALE_RATIO: Final = 1.2
ROTATE_DEGREES: Final = 15.0

Size = tuple[int, int]


class Operation(NamedTuple):
    """How an operation draws its parameters, and how it applies them.

    Example:
        >>> OPERATIONS["flip"].apply(torch.tensor([[[[1, 2]]]]), torch.tensor([True]))
        tensor([[[[2, 1]]]])
    """

    draw: Callable[[int, Size, Generator], Tensor]
    apply: Callable[[Tensor, Tensor], Tensor]


def strategy_names(strategy: str, kind: str) -> tuple[str, ...]:
    """Return the operations that a strategy names.

    Args:
        strategy: Names joined by ``_``.
        kind: The augmentation that it is for.

    Raises:
        ConfigError: It names an operation that does not exist, or names one twice.
    """
    names = tuple(strategy.split("_"))
    wrong = [name for name in names if name not in OPERATIONS]
    if wrong or len(set(names)) < len(names):
        fault = f"names no operation {wrong[0]!r}" if wrong else "names an operation twice"
        raise ConfigError(
            f"{kind} strategy {strategy!r} {fault}: join any of {', '.join(OPERATIONS)} by '_', "
            "or take the class NoAugmentation"
        )
    return names


def draw_color(count: int, size: Size, generator: Generator) -> Tensor:
    """Draw (count, 3): brightness shift in [-0.5, 0.5), saturation factor in [0, 2), contrast factor in [0.5, 1.5)."""
    u = _uniform(count, 3, generator)
    return torch.stack([(u[:, 0] - 0.5) * BRIGHTNESS, u[:, 1] * SATURATION, u[:, 2] + CONTRAST], 1)


def apply_color(images: Tensor, parameters: Tensor) -> Tensor:
    """Shift the brightness, then scale each pixel about its mean over channels, then each image about its mean."""
    shift, saturation, contrast = moved_like(parameters, images).view(-1, 3, 1, 1, 1).unbind(1)
    images = images + shift
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * saturation + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * contrast + mean


def draw_crop(count: int, size: Size, generator: Generator) -> Tensor:
    """Draw (count, 2): whole shifts in rows and columns, up to an eighth of the size in either direction."""
    return torch.stack([_integers(-_share(n, CROP_RATIO), _share(n, CROP_RATIO), count, generator) for n in size], 1)


def apply_crop(images: Tensor, parameters: Tensor) -> Tensor:
    """Shift images up and left by (rows, columns); what comes into view is 0."""
    if len(parameters) == 1:  # padding with a negative width cuts: no index is needed
        down, right = (int(p) for p in parameters[0])
        return F.pad(images, (-right, right, -down, down))
    height, width = images.shape[-2:]
    shift = moved(parameters, images.device)
    rows = torch.arange(height, device=images.device) + shift[:, :1]
    columns = torch.arange(width, device=images.device) + shift[:, 1:]
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    flat = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    shifted = images.flatten(2).gather(2, flat.flatten(1)[:, None].expand(-1, images.shape[1], -1))
    return shifted.view_as(images).masked_fill(outside[:, None], 0.0)


def draw_cutout(count: int, size: Size, generator: Generator) -> Tensor:
    """Draw (count, 2): row and column of the hole's centre, 0..n for a hole of even size, else 0..n-1."""
    return torch.stack([_integers(0, n - _share(n, CUTOUT_RATIO) % 2, count, generator) for n in size], 1)


def apply_cutout(images: Tensor, parameters: Tensor) -> Tensor:
    """Set a rectangle of half the height and width to 0; it is clipped at the borders."""
    rows, columns = (
        _within(n, moved(parameters[:, i], images.device), _share(n, CUTOUT_RATIO))
        for i, n in enumerate(images.shape[-2:])
    )
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def draw_flip(count: int, size: Size, generator: Generator) -> Tensor:
    """Draw (count,): whether to mirror, with probability one half."""
    return _uniform(count, 1, generator)[:, 0] < FLIP_PROBABILITY


def apply_flip(images: Tensor, parameters: Tensor) -> Tensor:
    """Mirror left and right where told."""
    return torch.where(moved(parameters, images.device).view(-1, 1, 1, 1), images.flip(3), images)


def draw_scale(count: int, size: Size, generator: Generator) -> Tensor:
    """Draw (count, 2): the part of the width and of the height that is in view, in [1/1.2, 1.2)."""
    return _uniform(count, 2, generator) * (SCALE_RATIO - 1.0 / SCALE_RATIO) + 1.0 / SCALE_RATIO


def apply_scale(images: Tensor, parameters: Tensor) -> Tensor:
    """Stretch about the centre by one over the parameters (bilinear, 0 outside)."""
    return _resample(images, torch.diag_embed(moved_like(parameters, images)))


def draw_rotate(count: int, size: Size, generator: Generator) -> Tensor:
    """Draw (count,): angles in radians, up to 15 degrees in either direction."""
    return (_uniform(count, 1, generator)[:, 0] - 0.5) * 2 * ROTATE_DEGREES / 180 * pi


def apply_rotate(images: Tensor, parameters: Tensor) -> Tensor:
    """Rotate about the centre by an angle, positive as seen counter-clockwise (bilinear, 0 outside)."""
    angles = moved_like(parameters, images)
    sine, cosine = angles.sin(), angles.cos()
    return _resample(images, torch.stack([cosine, -sine, sine, cosine], 1).view(-1, 2, 2))


OPERATIONS: Final = MappingProxyType(
    {
        "color": Operation(draw_color, apply_color),
        "crop": Operation(draw_crop, apply_crop),
        "cutout": Operation(draw_cutout, apply_cutout),
        "flip": Operation(draw_flip, apply_flip),
        "scale": Operation(draw_scale, apply_scale),
        "rotate": Operation(draw_rotate, apply_rotate),
    }
)
"""The operations by the names that a strategy uses."""


def _uniform(count: int, columns: int, generator: Generator) -> Tensor:
    # Single precision always, so that the draws do not change with the precision of the images.
    return torch.rand(count, columns, generator=generator, dtype=torch.float32)


def _integers(low: int, high: int, count: int, generator: Generator) -> Tensor:
    return torch.randint(low, high + 1, (count,), generator=generator)


def _share(n: int, ratio: float) -> int:
    """Return a share of n pixels, rounded as the reference does it."""
    return int(n * ratio + 0.5)


def _within(n: int, centres: Tensor, length: int) -> Tensor:
    """Tell, (count, n), which of n pixels lie in a stretch of a length about each centre."""
    distance = torch.arange(n, device=centres.device) - centres[:, None] + length // 2
    return (distance >= 0) & (distance < length)


def _resample(images: Tensor, linear: Tensor) -> Tensor:
    """Sample images at the linearly mapped (x, y) of each pixel; ``linear`` is (N or 1, 2, 2)."""
    count, channels, height, width = images.shape
    if not count:
        return images  # a process may have no share of a small batch, and torch makes no grid for none
    matrix = F.pad(linear, (0, 1))
    grid = F.affine_grid(matrix, [len(matrix), channels, height, width], align_corners=False)
    return F.grid_sample(images, grid.expand(count, -1, -1, -1), align_corners=False)
