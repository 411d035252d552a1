"""Letters of pictures: a font that has those of a page, whatever language its names are in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFont

MANY_SCRIPTS = "DejaVuSans.ttf"
"""Comes with matplotlib: Latin, Greek, Cyrillic, Hebrew, Arabic and more."""


class Lettering:
    """The fonts of one page: one for all its texts where one has all letters, and another for a text that it lacks.

    Pillow's own font, which has no umlauts, serves pages of ASCII; for scripts that the next one lacks, Chinese say, a
    font of the system is looked for.

    Args:
        texts: What is to be written.

    Example:
        >>> Lettering(["Käse"]).font("Käse", 14).getname()[0]
        'DejaVu Sans'
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.plain = "".join(texts).isascii()

    def font(self, text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        """Return the font of a text, so many pixels high."""
        if self.plain:
            return _own(size)
        return _loaded(_found(text) or _many_scripts(), size)

    def readable(self, text: str) -> str:
        """Return a text as it can be written: letters that no font has by their numbers, as ``<4E2D>``."""
        if self.plain or _found(text) is not None:
            return text
        known = _letters(_many_scripts())
        return "".join(char if ord(char) in known or char.isspace() else f"<{ord(char):X}>" for char in text)

    def width(self, text: str, size: int) -> float:
        """Return the pixels that a text takes."""
        text = self.readable(text)
        return self.font(text, size).getlength(text)


def _found(text: str) -> Path | None:
    """Return a font that has all letters of a text, or None."""
    letters, many = frozenset(ord(char) for char in text if not char.isspace()), _many_scripts()
    return many if letters <= _letters(many) else _of_the_system(letters)


@cache
def _own(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@cache
def _many_scripts() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", MANY_SCRIPTS)


@lru_cache(maxsize=64)
def _loaded(file: Path, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(str(file), size)


@cache
def _letters(file: Path) -> frozenset[int]:
    """Return the characters that a font has."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(str(file)).get_charmap())
    except (OSError, RuntimeError):  # not every file of a system is a font that can be read
        return frozenset()


@lru_cache(maxsize=64)
def _of_the_system(letters: frozenset[int]) -> Path | None:
    """Return a font of the system that has all these characters, or None."""
    from matplotlib import font_manager

    files = (Path(file) for file in sorted(font_manager.findSystemFonts()))
    return next((file for file in files if letters <= _letters(file)), None)
