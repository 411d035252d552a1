"""The pictures that rows of results lead to, a file each.

A new picture is a new file in this folder. It has ``FILES``, the names of all that it may write (patterns such as
``sweep_*.png`` are allowed), and ``draw``, which says from the rows whether it applies, draws itself into a folder and
returns what it wrote. All are drawn with matplotlib's Agg back end through figure objects: no window, no global state.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from fdd_lightning.artefacts.results import Row


class _Picture(Protocol):
    """A module of this folder."""

    FILES: tuple[str, ...]

    def draw(self, rows: Sequence[Row], folder: Path) -> list[Path]:
        """Write what the rows allow and return it."""


PICTURES = tuple(cast(_Picture, import_module(f"{__name__}.{found.name}")) for found in pkgutil.iter_modules(__path__))
"""Every module of this folder, by name."""


def draw_all(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw every picture that the rows allow, and remove those of earlier rows that no longer apply.

    Args:
        rows: Results in the order of the table.
        folder: Where to; it exists.

    Returns:
        The files written.
    """
    written = []
    for picture in PICTURES:
        made = picture.draw(rows, folder)
        for old in {path for pattern in picture.FILES for path in folder.glob(pattern)} - set(made):
            old.unlink()
        written += made
    return written
