"""What was noted of our classes when they were imported: enough to refuse a command line without importing them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any, Literal, Union

from fdd_lightning.__about__ import __version__
from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec, current
from fdd_lightning.configuration.completion import NO_DEFAULT
from fdd_lightning.errors import FDDError
from fdd_lightning.stages.settling import StageKind
from fdd_lightning.utils.files import fingerprint
from fdd_lightning.utils.paths import CONFIGS, PACKAGE, cache_root

GROUPS = ("fdd_lightning.fits", "fdd_lightning.metrics", "fdd_lightning.figures")
"""Groups of entry points by which other packages add classes."""

PACKAGES = ("torch", "lightning", "jsonargparse")
"""Other packages whose classes and words are noted."""

PLAIN: dict[str, Any] = {kind.__name__: kind for kind in (bool, int, float, str, list, tuple, dict)} | {"None": None}


class NotNotedError(Exception):
    """Nothing is known of a class, a user's own say, without importing it.

    Example:
        >>> NotedClasses({"classes": {}, "aliases": {}}).named("own.Weighting")
        Traceback (most recent call last):
        fdd_lightning.stages.noted_classes.NotNotedError: own.Weighting
    """


def state_of_classes() -> list[object]:
    """Return what decides all that is told of classes: versions, files by size and time, entry points."""
    menus = (CONFIGS, Path("configs"))
    files = [file for folder in (PACKAGE, *menus) for file in folder.rglob("*") if file.suffix in (".py", ".yaml")]
    states = [(str(file), stat.st_size, stat.st_mtime_ns) for file in sorted(files) if (stat := file.stat())]
    points = sorted(f"{group} {point.value}" for group in GROUPS for point in entry_points(group=group))
    return [__version__, sys.version, *(version(package) for package in PACKAGES), states, points]


def place_of_notes() -> Path | None:
    """Return the file of the notes on classes as they are now; None where there is no cache."""
    try:
        return cache_root() / "notes" / f"{fingerprint(state_of_classes())[:32]}.json"
    except (FDDError, OSError):
        return None


class NotedClasses:
    """Classes by their paths: see :class:`~fdd_lightning.configuration.completion.Classes`.

    Args:
        notes: As :mod:`fdd_lightning.stages.noting` writes them.

    Example:
        >>> notes = {"classes": {"a.B": {"name": "B"}}, "aliases": {"a.b.B": "a.B"}}
        >>> NotedClasses(notes).name(NotedClasses(notes).named("a.b.B"))
        'B'
    """

    def __init__(self, notes: dict[str, Any]) -> None:
        self.notes = notes

    @classmethod
    def read(cls) -> NotedClasses | None:
        """Return the notes on the classes as they are now; None where there are none."""
        file = place_of_notes()
        try:
            return None if file is None else cls(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def of(self, cls: str) -> dict[str, Any]:
        """Return what is noted of a class."""
        try:
            found: dict[str, Any] = self.notes["classes"][cls]
        except KeyError:
            raise NotNotedError(cls) from None
        return found

    def named(self, path: str) -> str:
        """Return the class of a path."""
        now = current(path)
        found = str(self.notes["aliases"].get(now, now))
        self.of(found)
        return found

    def path(self, cls: str) -> str:
        """Return the path under which YAML names a class."""
        return cls

    def name(self, cls: str) -> str:
        """Return a class's bare name."""
        return str(self.of(cls)["name"])

    def menu(self, cls: str) -> str:
        """Return the folder of the menu that holds entries of a class; empty if none."""
        return str(self.of(cls)["menu"])

    def below(self, cls: str) -> list[str]:
        """Return all classes derived from one."""
        return list(self.of(cls)["below"])

    def is_abstract(self, cls: str) -> bool:
        """Tell whether a class cannot be built."""
        return bool(self.of(cls)["abstract"])

    def takes_anything(self, cls: str) -> bool:
        """Tell whether a class passes unknown arguments on to one that takes them all."""
        return bool(self.of(cls)["anything"])

    def arguments(self, cls: str) -> dict[str, tuple[list[str], Any]]:
        """Return a class's arguments, each with the classes of which it takes one and its default as a spec."""
        arguments = self.of(cls)["arguments"]
        return {name: (noted["classes"], noted.get("default", NO_DEFAULT)) for name, noted in arguments.items()}

    def place(self, path: str) -> str | None:
        """Return where a class stands in a configuration, if it has one place."""
        found: str | None = self.of(self.named(path))["place"]
        return found

    def plain_type(self, cls: str, argument: str) -> Any:
        """Return the type of an argument that takes plain values; NO_DEFAULT where it takes others."""
        noted = self.of(cls)["arguments"].get(argument, {}).get("type")
        return NO_DEFAULT if noted is None else type_noted(noted)

    def stage_kind(self, stage: str) -> StageKind:
        """Return what is known of a kind of stage."""
        noted = self.notes["stages"][stage]
        told = {key: noted[key] for key in ("base", "default", "data", "default_data", "flags")}
        return StageKind(
            name=stage,
            facts=tuple(noted["facts"]),
            classes=self,
            is_below=lambda cls, base: base in self.of(cls)["bases"],
            implied=self._implied,
            data_of_set=_unknown_data,
            **told,
        )

    def _implied(self, cls: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a model that follow from those given, by its preset."""
        noted = self.of(cls)["implied"]
        if noted is None:
            raise NotNotedError(cls)
        if not noted:
            return {}
        name = str(given.get("preset") or "reference")
        menu.find("eval", name, "preset")
        if name not in noted:
            raise NotNotedError(name)
        return dict(noted[name])


def _unknown_data(path: str, given: Any) -> Spec:
    raise NotNotedError(path)


def type_noted(noted: Any) -> Any:
    """Return a type as it was noted.

    Example:
        >>> type_noted(["Union", ["int", "None"]])
        typing.Optional[int]
    """
    if isinstance(noted, str):
        return PLAIN[noted]
    kind, parts = noted
    if kind == "Literal":
        return Literal[tuple(parts)]
    inner = tuple(... if part == "..." else type_noted(part) for part in parts)
    return Union[inner] if kind == "Union" else PLAIN[kind][inner]  # noqa: UP007 (made of parts)
