"""A data set at a glance: classes as rows, groups as columns, some images of each cell and how many there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.pictures.grid import BACKGROUND, TEXT_WIDTH, magnification, shorten, to_rgb

if TYPE_CHECKING:
    from PIL import Image, ImageFont

WIDEST = 2000
"""Pixels that all columns together may take; more only where three images a cell do not fit."""
TILE = 48
"""Pixels that an image's longer side has at least, ..."""
LARGEST = 96
"""... and at most if it is enlarged."""
FULL = 128
"""Images larger than this are shrunk by a whole number."""
BESIDE, LINES = (3, 5, 10), (1, 3)
"""Images of a cell side by side: at least, at most, at most where there is one group; and lines of them."""
HIGHEST = 1000
"""Pixels that rows together may take if cells have several lines."""
MOST = (50, 24)
"""Classes and groups that are drawn; a note says where there are more."""
GAP, BETWEEN, MARGIN = 2, 10, 12
"""Pixels between two images, between two cells, and around the picture."""
TEXT, TITLE = 14, 18
UNDER = TEXT + 4
"""From a cell's images to the foot of the count below them: the frame is between."""
INK, FAINT, VOID, FRAME = (30, 30, 30), (150, 150, 150), (238, 238, 238), (0, 114, 178)


@dataclass(frozen=True)
class _Layout:
    """Sizes of a cell.

    Attributes:
        images: Images shown of a cell.
        columns: Of them side by side.
        up: Whole-number magnification.
        down: Whole-number reduction.
        tile: Width and height of an image on the page.
    """

    images: int
    columns: int
    up: int
    down: int
    tile: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a cell's images."""
        lines = math.ceil(self.images / self.columns)
        return self.columns * (self.tile[0] + GAP) - GAP, lines * (self.tile[1] + GAP) - GAP


def mosaic(
    data: ImageSet,
    class_names: Sequence[str],
    group_names: Sequence[str],
    *,
    title: str,
    notes: Sequence[str] = (),
    aligned: Tensor | None = None,
    per_cell: int | None = None,
) -> Image.Image:
    """Draw some images of each (class, group) cell, evenly spread over it, with its number of images below.

    Images are enlarged by whole numbers, pixel by pixel. Empty cells are grey, with a 0.

    Args:
        data: The images.
        class_names: One per row.
        group_names: One per column.
        title: The first line.
        notes: Smaller lines below it.
        aligned: Bool mask (classes, groups) of the cells that are framed.
        per_cell: Images of each cell; as many as fit if not given.

    Returns:
        An RGB picture.
    """
    from PIL import Image, ImageDraw, ImageFont

    def text(at: tuple[float, float], line: str, anchor: str = "la", ink: tuple[int, int, int] = INK) -> None:
        draw.text(at, line, fill=ink, font=font, anchor=anchor)

    counts = data.cells(len(class_names), len(group_names)).tolist()
    rows, columns = class_names[: MOST[0]], group_names[: MOST[1]]
    head = [
        *notes,
        *(
            f"the first {len(shown)} of {len(names)} {kind} are shown"
            for kind, names, shown in (("classes", class_names, rows), ("groups", group_names, columns))
            if len(names) > len(shown)
        ),
    ]
    font, large = ImageFont.load_default(TEXT), ImageFont.load_default(TITLE)
    layout = _layout(data.image_shape, len(rows), len(columns), per_cell)
    width, height = layout.size
    rows = [shorten(name, font.getlength) for name in rows]
    columns = [shorten(name, font.getlength, max(width, TEXT_WIDTH)) for name in columns]
    step_x, step_y = width + BETWEEN, height + UNDER + BETWEEN
    left = MARGIN + _widest(rows, font) + BETWEEN
    turned = _widest(columns, font) > width
    under_head = MARGIN + TITLE + (TEXT + 6) * len(head) + BETWEEN
    top = under_head + (_widest(columns, font) if turned else TEXT) + BETWEEN
    right = max(left + len(columns) * step_x - BETWEEN, MARGIN + large.getlength(title), MARGIN + _widest(head, font))
    page = Image.new("RGB", (math.ceil(right) + MARGIN, top + len(rows) * step_y + MARGIN), (BACKGROUND,) * 3)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN, MARGIN), title, fill=INK, font=large)
    for number, line in enumerate(head):
        text((MARGIN, MARGIN + TITLE + 8 + number * (TEXT + 6)), line)
    for g, name in enumerate(columns):
        middle = left + g * step_x + width / 2
        if turned:
            page.paste(_upwards(name, font), (round(middle - TEXT / 2) - 2, top - 8 - math.ceil(font.getlength(name))))
        else:
            text((middle, top - 8), name, "ms")
    for c, name in enumerate(rows):
        y = top + c * step_y
        text((left - BETWEEN, y + height / 2), name, "rm")
        for g in range(len(columns)):
            x = left + g * step_x
            if aligned is not None and aligned[c, g]:
                draw.rectangle((x - 4, y - 4, x + width + 3, y + height + 3), fill=FRAME)
            else:  # an edge for images that are white themselves
                draw.rectangle((x - 1, y - 1, x + width, y + height), fill=VOID)
            page.paste(_cell(data, c, g, layout), (x, y))
            text((x + width / 2, y + height + UNDER), f"{counts[c][g]:,}", "ms", INK if counts[c][g] else FAINT)
    return page


def _layout(shape: tuple[int, int, int], rows: int, columns: int, per_cell: int | None) -> _Layout:
    """Find the most and the largest images for which a page is not too large."""
    down = math.ceil(max(shape[1:]) / FULL)
    height, width = (max(1, side // down) for side in shape[1:])
    budget = WIDEST / columns - BETWEEN

    def fits(count: int, up: int) -> bool:
        return count * (width * up + GAP) - GAP <= budget

    up = magnification(height, width, TILE)
    least, most, alone = BESIDE
    beside = next((n for n in range(alone if columns == 1 else most, least, -1) if fits(n, up)), least)
    if per_cell is not None:
        beside, images = min(beside, per_cell), per_cell
    while max(height, width) * (up + 1) <= LARGEST and fits(beside, up + 1):
        up += 1
    if per_cell is None:
        lines = int(HIGHEST / rows - UNDER - BETWEEN) // (height * up + GAP)
        images = beside * max(LINES[0], min(LINES[1], lines))
    return _Layout(images, beside, up, down, (width * up, height * up))


def _cell(data: ImageSet, target: int, group: int, layout: _Layout) -> Image.Image:
    """Draw images of one cell, evenly spread over its members."""
    from PIL import Image

    cell = Image.new("RGB", layout.size, VOID)
    members = data.members(target, group)
    if not len(members):
        return cell
    spread = torch.linspace(0, len(members) - 1, min(layout.images, len(members))).round().long()
    chosen = data.pixels(members[spread])
    # Bytes in three channels are shown as they are.
    shown = chosen.permute(0, 2, 3, 1).contiguous().numpy() if chosen.shape[1] == 3 else to_rgb(chosen / 255)
    for place, pixels in enumerate(shown):
        image = Image.fromarray(pixels)
        if layout.down > 1:
            image = image.resize(layout.tile, Image.Resampling.BOX)
        elif layout.up > 1:
            image = image.resize(layout.tile, Image.Resampling.NEAREST)
        line, column = divmod(place, layout.columns)
        cell.paste(image, (column * (layout.tile[0] + GAP), line * (layout.tile[1] + GAP)))
    return cell


def _widest(names: Sequence[str], font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    return math.ceil(max((font.getlength(name) for name in names), default=0))


def _upwards(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Image.Image:
    """Write a name that is read from below."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (math.ceil(font.getlength(name)), TEXT + 4), (BACKGROUND,) * 3)
    ImageDraw.Draw(strip).text((0, TEXT), name, fill=INK, font=font, anchor="ls")
    return strip.transpose(Image.Transpose.ROTATE_90)
