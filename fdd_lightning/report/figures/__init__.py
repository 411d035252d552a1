"""The figures that rows of results lead to: one class each, that says what it writes and draws it.

A figure of the report is a subclass of :class:`Figure` in any file of this folder. A user's own is named by its class
path, or found as an entry point of the group ``fdd_lightning.figures``. All draw with matplotlib's Agg back end through
page objects: no window, no global state.
"""

from __future__ import annotations

import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from fdd_lightning.artefacts.results import Row
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError

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


def built_in_figures() -> list[type[Figure]]:
    """Return every figure of this folder, by the name of its file."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return [each for module in modules for each in vars(module).values() if _is_figure(each, module.__name__)]


def all_figures(named: Iterable[str | type[Figure]] = ()) -> list[Figure]:
    """Return the built-in figures, those of entry points, and those that are named, each once.

    Args:
        named: Classes, or their paths.

    Raises:
        ConfigError: A class path cannot be imported, or is no figure's.
    """
    classes = [*built_in_figures(), *(entry.load() for entry in entry_points(group=GROUP))]
    classes += [import_class(each) if isinstance(each, str) else each for each in named]
    for each in classes:
        if not _is_figure(each):
            name = f"{each.__module__}.{each.__qualname__}" if inspect.isclass(each) else repr(each)
            raise ConfigError(f"{name} is not a figure: derive it from {__name__}.Figure, with files and draw")
    return [each() for each in dict.fromkeys(classes)]


def _is_figure(each: object, module: str | None = None) -> bool:
    """Tell whether something is a figure's class that can be drawn (and was defined in a module)."""
    concrete = inspect.isclass(each) and issubclass(each, Figure) and not inspect.isabstract(each)
    return concrete and module in (None, each.__module__)


def draw_all(figures: Iterable[Figure], rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw every figure that the rows allow, remove those that no longer apply, and return the files written."""
    written = []
    for figure in figures:
        files = figure.draw(rows, folder)
        for old in {path for pattern in figure.files for path in folder.glob(pattern)} - set(files):
            old.unlink()
        written += files
    return written
