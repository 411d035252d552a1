"""A data set at a glance: classes as rows, groups as columns, some images of each and how many there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.pictures.layout import GAP, LINE, Colour, Panel, Pixels, lay_out, magnification, tile, to_rgb

if TYPE_CHECKING:
    from PIL import Image

WIDEST = 2000
"""Pixels that all columns together may take; more only where three images a cell do not fit."""
IMAGE = 48
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
BETWEEN = 10
"""Pixels between two cells."""
VOID: Colour = (238, 238, 238)
FRAME: Colour = (0, 114, 178)


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
    """Draw some images of each (class, group) cell in RGB, evenly spread over it, with its number of images below.

    Images are enlarged by whole numbers, pixel by pixel. Empty cells are grey, with a 0.

    Args:
        data: The images.
        class_names: One per row.
        group_names: One per column.
        title: The first line.
        notes: Smaller lines below it.
        aligned: Bool mask (classes, groups) of the cells that are framed.
        per_cell: Images of each cell; as many as fit if not given.
    """
    counts = data.cells(len(class_names), len(group_names)).tolist()
    rows, columns = class_names[: MOST[0]], group_names[: MOST[1]]
    cut = [
        f"the first {len(shown)} of {len(names)} {kind} are shown"
        for kind, names, shown in (("classes", class_names, rows), ("groups", group_names, columns))
        if len(names) > len(shown)
    ]
    shrunk = math.ceil(max(data.image_shape[1:]) / FULL)
    height, width = (max(1, side // shrunk) for side in data.image_shape[1:])
    beside, lines, scale = _arrange(height, width, len(rows), len(columns), per_cell)

    def cell(c: int, g: int) -> Panel:
        members = data.members(c, g)
        spread = torch.linspace(0, len(members) - 1, min(per_cell or beside * lines, len(members))).round().long()
        images = _images(data.pixels(members[spread]), (width, height))
        framed = aligned is not None and bool(aligned[c, g])
        return Panel(
            tile(images, beside, lines, scale, VOID),
            names=[(class_names[c], (lines * (height * scale + GAP) - GAP) / 2)] if g == 0 else (),
            title=group_names[g] if c == 0 else "",
            foot=f"{counts[c][g]:,}",
            frame=(FRAME, 4) if framed else (VOID, 1),  # an edge for images that are white themselves
        )

    panels = [[cell(c, g) for g in range(len(columns))] for c in range(len(rows))]
    return lay_out(panels, head=[title, *notes, *cut], between=BETWEEN)


def _arrange(height: int, width: int, rows: int, columns: int, per_cell: int | None) -> tuple[int, int, int]:
    """Return how many images of a cell stand side by side, on how many lines, and the magnification of each.

    They are the most and the largest for which a page is not too large.
    """
    budget = WIDEST / columns - BETWEEN

    def fits(count: int, scale: int) -> bool:
        return count * (width * scale + GAP) - GAP <= budget

    scale = magnification(height, width, IMAGE)
    least, most, alone = BESIDE
    beside = next((n for n in range(alone if columns == 1 else most, least, -1) if fits(n, scale)), least)
    beside = min(beside, per_cell or beside)
    while max(height, width) * (scale + 1) <= LARGEST and fits(beside, scale + 1):
        scale += 1
    lines = int(HIGHEST / rows - LINE - BETWEEN) // (height * scale + GAP)
    lines = max(LINES[0], min(LINES[1], lines)) if per_cell is None else math.ceil(per_cell / beside)
    return beside, lines, scale


def _images(pixels: Tensor, size: tuple[int, int]) -> Pixels:
    """Return images as RGB of a width and height; larger ones are shrunk."""
    from PIL import Image

    # Bytes in three channels are shown as they are.
    rgb = pixels.permute(0, 2, 3, 1).contiguous().numpy() if pixels.shape[1] == 3 else to_rgb(pixels / 255)
    if not len(rgb):
        return np.zeros((0, size[1], size[0], 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)) for image in rgb])
