"""The contract of a format that sets are read from, and all that are known."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar

from torch import Tensor

from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError
from fdd_lightning.imports.source import Source

GROUP = "fdd_lightning.set_formats"
"""Entry points by which other packages add formats."""


@dataclass(frozen=True)
class Found:
    """A labelled set as somebody's file holds it, before anything is checked.

    Attributes:
        images: (N, C, H, W) or (N, H, W, C), in whatever normalisation; bytes where they are uint8.
        labels: Classes (N,), or a distribution over classes for each image, (N, classes).
        class_names: What the labels number; None where they are those of the data set.
        note: What is worth saying of it, in a line.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...] | None = None
    note: str = ""


class SetFormat(ABC):
    """Base of every format; a new one is a subclass, named by its class path or by an entry point.

    Attributes:
        name: Its name in files.
        looks: What it looks like, for the line that says what is read.

    Example:
        >>> class Empty(SetFormat):
        ...     name, looks = "empty", "an empty folder"
        ...     def read(self, source):
        ...         return [] if source.path.is_dir() and not any(source.path.iterdir()) else None
        >>> "empty" in [each.name for each in set_formats()]
        True
    """

    name: ClassVar[str]
    looks: ClassVar[str]

    @abstractmethod
    def read(self, source: Source) -> list[Found] | None:
        """Return the sets that a source holds, one for each experiment, or None where it is of another format.

        Raises:
            FDDError: It is of this format, and something is wrong with it.
        """


@cache
def _load_entry_points() -> None:
    for point in entry_points(group=GROUP):
        point.load()


def format_named(path: str) -> SetFormat:
    """Return the format of a class path.

    Raises:
        ConfigError: There is none.
    """
    cls = import_class(path)
    if not issubclass(cls, SetFormat) or inspect.isabstract(cls):
        raise ConfigError(f"--format {path}: is no SetFormat that says how it is read: derive it from SetFormat")
    return cls()


def set_formats() -> list[SetFormat]:
    """Return every format that is known, a user's own before ours: those of entry points and of imported classes."""
    _load_entry_points()
    known: list[Any] = [SetFormat]
    for cls in known:
        known += cls.__subclasses__()
    found = [cls() for cls in known if not inspect.isabstract(cls)]
    return sorted(found, key=lambda each: type(each).__module__.startswith("fdd_lightning."))
