"""One layout for every picture of images: tiles side by side on panels, panels in lines on a page, text around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fdd_lightning.pictures.fonts import Lettering

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
GAP = 2
"""Pixels between two images."""
BACKGROUND: Colour = (255, 255, 255)
INK: Colour = (30, 30, 30)
TITLE, TEXT = 18, 14
"""Sizes of letters: of the page's title, and of everything else."""
BELOW = 4
"""Pixels between images and the text above or below them."""
LINE = TEXT + 6
"""Height of a line of text."""
MARGIN = 8
"""Pixels around the page, and between a name and the panel behind it."""
LONGEST_NAME = 200
"""Pixels of a name; a longer one ends in an ellipsis."""


@dataclass(frozen=True)
class Panel:
    """Images that stand together, and the text around them.

    Attributes:
        pixels: The images as one picture (height, width, 3).
        names: In front of it: each with the height that it stands at, in pixels from the top.
        title: Above it, in as many lines as it takes.
        foot: A line below it.
        frame: Colour and thickness of the line around it.
        least: Pixels that it takes at least, for its title.

    Example:
        >>> Panel(np.zeros((32, 64, 3), np.uint8), names=[("zero", 16)], title="dm", least=130).width
        130
    """

    pixels: Pixels
    names: Sequence[tuple[str, float]] = ()
    title: str = ""
    foot: str = ""
    frame: tuple[Colour, int] = (BACKGROUND, 0)
    least: int = 0

    @property
    def width(self) -> int:
        """Pixels that the images, or the title, take."""
        return max(self.least, int(self.pixels.shape[1]))


def magnification(height: int, width: int, target: int = 48) -> int:
    """Return the whole number by which images are enlarged so that their longer side has ``target`` pixels or more."""
    return max(1, math.ceil(target / max(height, width)))


def to_rgb(images: Tensor) -> Pixels:
    """Turn images (N, C, H, W) on a 0..1 scale into uint8 (N, H, W, 3).

    Values are clamped. One channel is shown as grey; any other number than three as the grey of their mean.
    """
    images = images.detach().cpu().float()
    if images.shape[1] != 3:
        images = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    array: Pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return array


def tile(images: Pixels, columns: int, lines: int, scale: int = 1, void: Colour = BACKGROUND) -> Pixels:
    """Put images (N, H, W, 3) side by side in lines, from the upper left, each enlarged by a whole number.

    ``void`` shows between images, and where there is none.
    """
    height, width = images.shape[1] * scale, images.shape[2] * scale
    picture = np.full((lines * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), void, dtype=np.uint8)
    for place, image in enumerate(images.repeat(scale, axis=1).repeat(scale, axis=2)):
        y, x = place // columns * (height + GAP), place % columns * (width + GAP)
        picture[y : y + height, x : x + width] = image
    return picture


def name_width(panels: Iterable[Panel], letters: Lettering | None = None) -> int:
    """Return the pixels that names take in front of a panel, for equal ones in front of all."""
    names = [name for panel in panels for name, _ in panel.names]
    letters = letters or Lettering(names)
    widths = [min(letters.width(name, TEXT), LONGEST_NAME) for name in names]
    return math.ceil(max(widths)) + MARGIN if widths else 0


def lay_out(lines: Sequence[Sequence[Panel]], *, head: Sequence[str] = (), between: int = 0) -> Image.Image:
    """Draw panels as an RGB picture, line by line and each with its text.

    The ``head``, a title and notes, stands above them, and so many pixels are ``between`` two of them.
    """
    from PIL import Image, ImageDraw

    panels = [panel for line in lines for panel in line]
    written = [[panel.title, panel.foot, *(name for name, _ in panel.names)] for panel in panels]
    letters = Lettering([*head, *(text for texts in written for text in texts)])
    left = name_width(panels, letters)
    texts = [
        (MARGIN, MARGIN + n * LINE + BELOW * (n > 0), text, "la", TEXT if n else TITLE) for n, text in enumerate(head)
    ]
    placed: list[tuple[int, int, Panel]] = []
    right, bottom = 0, MARGIN + (LINE * len(head) + BELOW + between if head else 0)
    for number, line in enumerate(lines):
        titles = [_wrap(panel.title, panel.width, letters) for panel in line]
        top = bottom + (between if number else 0) + max(LINE * len(title) + BELOW * bool(title) for title in titles)
        x = MARGIN
        for panel, title in zip(line, titles, strict=True):
            x += left if panel.names else 0
            height = panel.pixels.shape[0]
            placed.append((x, top, panel))
            texts += [
                (x - MARGIN, top + round(y), _shorten(name, LONGEST_NAME, letters), "rm", TEXT)
                for name, y in panel.names
            ]
            texts += [(x, top - BELOW - LINE * (len(title) - n), text, "la", TEXT) for n, text in enumerate(title)]
            texts += [(x, top + height + BELOW, panel.foot, "la", TEXT)] if panel.foot else []
            bottom = max(bottom, top + height + (LINE if panel.foot else 0))
            right = max(right, x + panel.width)
            x += panel.width + between
    ends = (math.ceil(x + letters.width(text, size)) for x, _, text, anchor, size in texts if anchor == "la")
    right = max([right, *ends])
    page = Image.new("RGB", (right + MARGIN, bottom + MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(page)
    for x, y, panel in placed:
        (height, width), (colour, thick) = panel.pixels.shape[:2], panel.frame
        draw.rectangle((x - thick, y - thick, x + width + thick - 1, y + height + thick - 1), fill=colour)
        page.paste(Image.fromarray(panel.pixels), (x, y))
    for x, y, text, anchor, size in texts:
        text = letters.readable(text)
        draw.text((x, y), text, fill=INK, font=letters.font(text, size), anchor=anchor)
    return page


def _wrap(text: str, width: float, letters: Lettering) -> list[str]:
    """Break a text at spaces into lines that fit; a word that is too long is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and letters.width(f"{lines[-1]} {word}", TEXT) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_shorten(word, width, letters))
    return lines


def _shorten(name: str, width: float, letters: Lettering) -> str:
    """Cut a name to a width."""
    name = " ".join(name.split())
    if letters.width(name, TEXT) <= width:
        return name
    while name and letters.width(name + "...", TEXT) > width:
        name = name[:-1]
    return name + "..."
