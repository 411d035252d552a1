"""A picture of several synthetic sets beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fdd_lightning.grid import magnification, tile_classes
from fdd_lightning.report.style import save
from fdd_lightning.synthetic import SyntheticSet

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
    tiles = {}
    for name, each in sets.items():
        images, classes = each.shown()
        scale = magnification(*images.shape[-2:], IMAGE)
        tiles[name] = tile_classes(images, classes, each.num_classes, columns=most, scale=scale, most=most)
    ruler = _Ruler()
    width = max(NARROWEST, *(tile.pixels.shape[1] for tile in tiles.values()))
    titles = {name: ruler.wrap(_title(name, each, most), width) for name, each in sets.items()}
    height = max(tile.pixels.shape[0] for tile in tiles.values())
    above = max(title.count("\n") + 1 for title in titles.values()) * ruler.line + 6
    names = [each.class_names for each in sets.values()]
    left = math.ceil(max(ruler.width(name) for each in names for name in each)) + 10
    # Equal names stand once in each line, in front of its first panel.
    everywhere = any(each != names[0] for each in names)
    step = width + GAP + (left if everywhere else 0)
    columns = max(1, min(len(sets), (WIDEST - left) // step))
    lines = math.ceil(len(sets) / columns)
    page = (GAP + left + width + (columns - 1) * step + GAP, lines * (above + height + GAP) + GAP)
    made = Figure(figsize=(page[0] / DPI, page[1] / DPI), dpi=DPI)
    FigureCanvasAgg(made)
    for number, (name, tile) in enumerate(tiles.items()):
        x = GAP + left + number % columns * step
        top = page[1] - GAP // 2 - number // columns * (above + height + GAP)
        made.text(x / page[0], (top - above + 4) / page[1], titles[name], fontsize=FONT, va="bottom", ha="left", weight="bold")
        rows, across = tile.pixels.shape[:2]
        # Axes of exactly as many pixels as the picture: nothing is resampled.
        ax = made.add_axes((x / page[0], (top - above - rows) / page[1], across / page[0], rows / page[1]))
        ax.imshow(tile.pixels, interpolation="nearest", aspect="auto")
        ax.set_axis_off()
        if everywhere or number % columns == 0:
            for label, centre in zip(sets[name].class_names, tile.centres, strict=True):
                y = (top - above - centre) / page[1]
                made.text((x - 8) / page[0], y, label, fontsize=FONT, va="center", ha="right")
    return save(made, path)


def _title(name: str, each: SyntheticSet, most: int) -> str:
    largest = int(each.labels.bincount(minlength=each.num_classes).max())
    return name + (f", {most} of {largest} images" if largest > most else "")


class _Ruler:
    """Measures text in pixels as the picture will show it."""

    def __init__(self) -> None:
        self._figure = Figure(dpi=DPI)
        self._renderer = FigureCanvasAgg(self._figure).get_renderer()
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
