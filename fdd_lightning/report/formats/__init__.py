"""The formats in which ``fdd report --format`` gives results: one class each, that says what it is called.

A format is a subclass of :class:`Format` in any file of this folder, which has the format's name. A user's own is named
by its class path, or found as an entry point of the group ``fdd_lightning.formats``.
"""

from __future__ import annotations

import inspect
import pkgutil
from abc import ABC, abstractmethod
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, ClassVar

from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError

GROUP = "fdd_lightning.formats"


class Format(ABC):
    r"""A format of results: a function of their rows.

    Attributes:
        file: What its file is called in the folder of a report.

    Example:
        >>> class Methods(Format):
        ...     file = "methods.txt"
        ...     def text(self, results):
        ...         return "".join(f"{row.method}\n" for row in results.rows)
    """

    file: ClassVar[str]

    @abstractmethod
    def text(self, results: RunResults) -> str:
        """Return the results in this format, a newline at the end."""


def names() -> list[str]:
    """Return the names of all formats, without importing them.

    Example:
        >>> names()[:3]
        ['csv', 'latex', 'md']
    """
    return [*(module.name for module in pkgutil.iter_modules(__path__)), *(e.name for e in entry_points(group=GROUP))]


def find(name: str) -> Format:
    """Return the format of a name, or of a class path.

    Raises:
        ConfigError: There is none.
    """
    built_in = {module.name for module in pkgutil.iter_modules(__path__)}
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in built_in:
        module = import_module(f"{__name__}.{name}")
        found: Any = next(each for each in vars(module).values() if _is_format(each))
    elif name in installed:
        found = installed[name].load()
    elif "." in name:
        found = import_class(name)
    else:
        raise ConfigError(f"--format {name!r} is not known: choose one of {', '.join(names())}, or a class path")
    if not _is_format(found):
        raise ConfigError(f"--format {name} is not a format: derive it from {__name__}.Format, with file and text")
    made: Format = found()
    return made


def _is_format(each: object) -> bool:
    return inspect.isclass(each) and issubclass(each, Format) and not inspect.isabstract(each)
