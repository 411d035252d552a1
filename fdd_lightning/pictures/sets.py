"""A picture of several synthetic sets beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.pictures.grid import Tiles, magnification, tile_classes
from fdd_lightning.report.style import save

WIDEST = 1600
"""Pixels up to which sets stand beside each other before another line of them begins."""
MOST_IMAGES = 10
"""Images of a class that are shown."""
IMAGE = 32
"""Pixels that an image's longer side has at least."""
NARROWEST = 130
"""Pixels that a panel has at least, for its title."""
GAP = 18
DPI = 100
FONT = 9.5


@dataclass(frozen=True)
class _Panel:
    """One set as it will be shown.

    Attributes:
        title: Its title, broken into lines.
        tiles: Its images.
        names: Its classes.
        width: Pixels that it takes, its classes' names not counted.
    """

    title: str
    tiles: Tiles
    names: list[str]
    width: int


def sets_side_by_side(sets: Mapping[str, SyntheticSet], path: str | Path, *, most: int = MOST_IMAGES) -> Path | None:
    """Draw synthetic sets beside each other: one panel per set, classes as rows, images enlarged by whole numbers.

    Args:
        sets: Sets by the title of their panel.
        path: The PNG to write.
        most: Images per class that are shown, the first ones; a title says where there are more.

    Returns:
        The path, or None where there is no set.
    """
    if not sets:
        return None
    ruler = _Ruler()
    panels = [_panel(name, each, most, ruler) for name, each in sets.items()]
    left = math.ceil(max(ruler.width(name) for panel in panels for name in panel.names)) + 10
    # Equal names stand once in each line, in front of its first panel.
    everywhere = any(panel.names != panels[0].names for panel in panels)
    lines = _break(panels, left, everywhere)
    above = [ruler.line * max(panel.title.count("\n") + 1 for panel in line) + 6 for line in lines]
    heights = [up + max(panel.tiles.pixels.shape[0] for panel in line) for up, line in zip(above, lines, strict=True)]
    page = _Page(max(_length(line, left, everywhere) for line in lines) + GAP, sum(heights) + GAP * (len(lines) + 1))
    top = GAP
    for line, up, height in zip(lines, above, heights, strict=True):
        x = GAP
        for number, panel in enumerate(line):
            if everywhere or number == 0:
                x += left
                for name, centre in zip(panel.names, panel.tiles.centres, strict=True):
                    page.text(name, x - 8, top + up + centre, ha="right", va="center")
            page.text(panel.title, x, top + up - 4, ha="left", va="bottom", weight="bold")
            page.picture(panel.tiles.pixels, x, top + up)
            x += panel.width + GAP
        top += height + GAP
    return save(page.figure, path)


def _panel(name: str, each: SyntheticSet, most: int, ruler: _Ruler) -> _Panel:
    images, classes = each.shown()
    scale = magnification(images.shape[-2], images.shape[-1], IMAGE)
    tiles = tile_classes(images, classes, each.num_classes, columns=most, scale=scale, most=most)
    largest = int(each.labels.bincount(minlength=each.num_classes).max())
    title = name + (f", {most} of {largest} images" if largest > most else "")
    width = max(NARROWEST, tiles.pixels.shape[1])
    return _Panel(ruler.wrap(title, width), tiles, each.class_names, width)


def _break(panels: Sequence[_Panel], left: int, everywhere: bool) -> list[list[_Panel]]:
    """Put panels into lines that are no wider than a page, in their order."""
    lines: list[list[_Panel]] = [[]]
    for panel in panels:
        if lines[-1] and _length([*lines[-1], panel], left, everywhere) + GAP > WIDEST:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _length(line: Sequence[_Panel], left: int, everywhere: bool) -> int:
    """Return the width of a line with the gap in front of every panel."""
    return sum(panel.width + GAP for panel in line) + left * (len(line) if everywhere else 1)


class _Page:
    """A figure that is filled pixel by pixel; y counts from the top."""

    def __init__(self, width: int, height: int) -> None:
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        FigureCanvasAgg(self.figure)
        self._size = (width, height)

    def text(self, text: str, x: float, y: float, **style: Any) -> None:
        self.figure.text(x / self._size[0], 1 - y / self._size[1], text, fontsize=FONT, **style)

    def picture(self, pixels: NDArray[np.uint8], x: float, y: float) -> None:
        """Show a picture with its upper left corner at (x, y), in axes of exactly its size: nothing is resampled."""
        height, width = pixels.shape[0] / self._size[1], pixels.shape[1] / self._size[0]
        ax = self.figure.add_axes((x / self._size[0], 1 - y / self._size[1] - height, width, height))
        ax.imshow(pixels, interpolation="nearest", aspect="auto")
        ax.set_axis_off()


class _Ruler:
    """Measures text in pixels as the picture will show it."""

    def __init__(self) -> None:
        self._figure = Figure(dpi=DPI)
        self._renderer = FigureCanvasAgg(self._figure).get_renderer()  # type: ignore[no-untyped-call]
        self.line = math.ceil(1.25 * FONT * DPI / 72)

    def width(self, text: str) -> float:
        """Return the width of one bold line."""
        return self._figure.text(0, 0, text, fontsize=FONT, weight="bold").get_window_extent(self._renderer).width

    def wrap(self, text: str, width: float) -> str:
        """Break a text at spaces so that each line fits, a single word excepted."""
        lines = [""]
        for word in text.split():
            joined = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width(joined) > width:
                lines.append(word)
            else:
                lines[-1] = joined
        return "\n".join(lines)
