"""Pictures of labelled images: one class per row, thin gaps, whole-number magnification."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image

GAP = 2
"""Pixels between two images."""
BACKGROUND = 255
TEXT_SIZE = 15
TEXT_WIDTH = 200
"""Widest class name in pixels; a longer one ends in an ellipsis."""


@dataclass(frozen=True)
class Tiles:
    """A picture of images, class by class, without any text.

    Attributes:
        pixels: uint8 picture (height, width, 3).
        centres: For each class, the vertical middle of its rows in pixels.
    """

    pixels: NDArray[np.uint8]
    centres: tuple[float, ...]


def magnification(height: int, width: int, target: int = 48) -> int:
    """Return the whole number by which images are enlarged so that their longer side has ``target`` pixels or more."""
    return max(1, math.ceil(target / max(height, width)))


def to_rgb(images: Tensor) -> NDArray[np.uint8]:
    """Turn images (N, C, H, W) on a 0..1 scale into uint8 (N, H, W, 3).

    Values are clamped. One channel is shown as grey; any other number than three as the grey of their mean.
    """
    images = images.detach().cpu().float()
    if images.shape[1] != 3:
        images = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    array: NDArray[np.uint8] = (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return array


def tile_classes(
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    columns: int = 25,
    scale: int | None = None,
    most: int | None = None,
) -> Tiles:
    """Lay images out with one class per row.

    Args:
        images: Images (N, C, H, W) on a 0..1 scale.
        labels: Class (N,) of each image.
        num_classes: Number of rows; a class without images leaves an empty one.
        columns: Images side by side before a class continues on another line.
        scale: Whole-number magnification; None chooses one by :func:`magnification`.
        most: Show at most so many images per class, the first ones; None shows all.

    Returns:
        The picture and where each class stands in it.
    """
    height, width = images.shape[-2:]
    scale = scale or magnification(height, width)
    members = [torch.nonzero(labels == c).flatten().tolist()[:most] for c in range(num_classes)]
    columns = max(1, min(columns, max((len(m) for m in members), default=1)))
    step_y, step_x = height * scale + GAP, width * scale + GAP
    lines = [max(1, math.ceil(len(m) / columns)) for m in members]
    # Classes that need several lines are set apart by more than the gap between their own lines.
    apart = 3 * GAP if max(lines, default=1) > 1 else 0
    picture = np.full(
        (sum(lines) * step_y + (num_classes - 1) * apart - GAP, columns * step_x - GAP, 3), BACKGROUND, dtype=np.uint8
    )
    rgb = to_rgb(images).repeat(scale, axis=1).repeat(scale, axis=2)
    centres, top = [], 0
    for member, count in zip(members, lines, strict=True):
        for place, index in enumerate(member):
            y, x = top + place // columns * step_y, place % columns * step_x
            picture[y : y + step_y - GAP, x : x + step_x - GAP] = rgb[index]
        centres.append(top + (count * step_y - GAP) / 2)
        top += count * step_y + apart
    return Tiles(picture, tuple(centres))


def picture(images: Tensor, labels: Tensor, class_names: Sequence[str], *, columns: int = 25) -> Image.Image:
    """Draw images with one class per row and its name in front.

    Args:
        images: Images (N, C, H, W) on a 0..1 scale.
        labels: Class (N,) of each image.
        class_names: One name per row.
        columns: Images side by side before a class continues on another line.

    Returns:
        An RGB picture.
    """
    from PIL import Image, ImageDraw, ImageFont

    tiles = tile_classes(images, labels, len(class_names), columns=columns)
    height, width = tiles.pixels.shape[:2]
    font = ImageFont.load_default(TEXT_SIZE)
    names = [shorten(name, font.getlength) for name in class_names]
    margin = 4 * GAP
    left = 2 * margin + math.ceil(max(font.getlength(name) for name in names))
    page = Image.new("RGB", (left + width + margin, height + 2 * margin), (BACKGROUND,) * 3)
    page.paste(Image.fromarray(tiles.pixels), (left, margin))
    draw = ImageDraw.Draw(page)
    for name, centre in zip(names, tiles.centres, strict=True):
        draw.text((left - margin, margin + centre), name, fill=(30, 30, 30), font=font, anchor="rm")
    return page


def shorten(name: str, length: Callable[[str], float], width: float = TEXT_WIDTH) -> str:
    """Cut a name to the width that a picture has for it.

    Args:
        name: The name.
        length: Tells how wide a text is.
        width: Pixels.
    """
    name = " ".join(name.split())
    if length(name) <= width:
        return name
    while name and length(name + "...") > width:
        name = name[:-1]
    return name + "..."
