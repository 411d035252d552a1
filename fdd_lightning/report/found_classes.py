"""Classes of the report that are found, not listed: of a folder, of installed packages, and those that are named."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError


def found_classes(base: Any, package: ModuleType, group: str, named: Iterable[str | type], how: str) -> list[Any]:
    """Build every class of a package's files, of an entry point's group, and that is named, each once.

    Args:
        base: What they are derived from.
        package: The folder of the built-in ones; each counts in the file that defines it.
        group: The group of entry points.
        named: Classes, or their paths.
        how: What a class must have, for the line to the user: ``a figure: derive it from ...``.

    Raises:
        ConfigError: A class path cannot be imported, or is of something else.
    """

    def fits(each: object) -> bool:
        return inspect.isclass(each) and issubclass(each, base) and not inspect.isabstract(each)

    modules = [import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)]
    classes = [each for module in modules for each in vars(module).values() if fits(each) and _of(each, module)]
    classes += [entry.load() for entry in entry_points(group=group)]
    classes += [import_class(each) if isinstance(each, str) else each for each in named]
    for each in classes:
        if not fits(each):
            name = f"{each.__module__}.{each.__qualname__}" if inspect.isclass(each) else repr(each)
            raise ConfigError(f"{name} is not {how}")
    return [each() for each in dict.fromkeys(classes)]


def _of(each: type, module: ModuleType) -> bool:
    return each.__module__ == module.__name__
