"""The figures that rows of results lead to: one class each, that says what it writes and draws it.

A figure of the report is a subclass of :class:`Figure` in any file of this folder. A user's own is named by its class
path, or found as an entry point of the group ``fdd_lightning.figures``. All draw with matplotlib's Agg back end through
page objects: no window, no global state.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.found_classes import found_classes

GROUP = "fdd_lightning.figures"


class Figure(ABC):
    """A figure of the report.

    Attributes:
        files: Names of all that it may write; patterns such as ``sweep_*.png`` are allowed.

    Example:
        >>> class Accuracies(Figure):
        ...     files = ("accuracies.txt",)
        ...     def draw(self, rows, folder):
        ...         path = folder / "accuracies.txt"
        ...         path.write_text(" ".join(f"{row.mean('accuracy'):.2f}" for row in rows))
        ...         return [path]
    """

    files: tuple[str, ...]

    @abstractmethod
    def draw(self, rows: Sequence[Row], folder: Path) -> list[Path]:
        """Write what the rows allow into a folder that exists, nothing if they do not, and return the files."""


def all_figures(named: Iterable[str | type[Figure]] = ()) -> list[Figure]:
    """Return the built-in figures, by the names of their files, those of entry points, and those that are named.

    Args:
        named: Classes, or their paths.

    Raises:
        ConfigError: A class path cannot be imported, or is no figure's.
    """
    how = f"a figure: derive it from {__name__}.Figure, with files and draw"
    return found_classes(Figure, sys.modules[__name__], GROUP, named, how)


def draw_all(figures: Iterable[Figure], rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw every figure that the rows allow, remove those that no longer apply, and return the files written."""
    written = []
    for figure in figures:
        files = figure.draw(rows, folder)
        for old in {path for pattern in figure.files for path in folder.glob(pattern)} - set(files):
            old.unlink()
        written += files
    return written
