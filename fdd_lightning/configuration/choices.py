"""Choices that vary independently: classes that remember how they were built.

A *choice* (a weighting, a sampler, a surrogate, ...) is a class chosen by class path. Its *spec*, the mapping
``{"class_path": ..., "init_args": {...}}`` that the command line writes, is what checkpoints and artefacts hold,
also for objects built in Python: live objects would keep them from being loaded.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from fdd_lightning.errors import ConfigError

Spec = dict[str, Any]
T = TypeVar("T")

MOVED = {
    "fdd_lightning.learners.Regime": "fdd_lightning.training.Regime",
    "fdd_lightning.protocols.Protocol": "fdd_lightning.training.Preset",
    "fdd_lightning.protocols.": "fdd_lightning.training.",
    "fdd_lightning.learners.": "fdd_lightning.algorithms.",
    "fdd_lightning.modules.trajectories.": "fdd_lightning.modules.trajectory_matching.",
}
"""Class paths of earlier releases, which files and configurations may name, and where they are now."""


def current(path: str) -> str:
    """Return a class path as it is now."""
    before = next((old for old in MOVED if path.startswith(old)), None)
    return path if before is None else MOVED[before] + path.removeprefix(before)


class Choice:
    """Base of every choice; keeps the arguments it was built with for :func:`spec_of`.

    Example:
        >>> class Half(Choice):
        ...     def __init__(self, of: float = 1.0) -> None:
        ...         self.value = of / 2
        >>> spec_of(Half(of=3.0))["init_args"]
        {'of': 3.0}
    """

    _given: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Note the arguments; ``__init__`` needs no cooperation."""
        self = super().__new__(cls)
        bound = _signature(cls.__init__).bind_partial(self, *args, **kwargs)
        given = dict(list(bound.arguments.items())[1:])
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                given |= given.pop(name, {})
        self._given = given
        return self

    def take(self, kind: str, path: Path) -> None:
        """Take the artefact of a kind of fit that this choice asks for by ``needs_KIND``, before the first step."""


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return a function's signature; grids build thousands of choices of a few classes."""
    return inspect.signature(function)


def class_path(cls: type) -> str:
    """Return the import path under which YAML names a class: the shortest package that exports it."""
    parts = cls.__module__.split(".")
    for length in range(1, len(parts) + 1):
        package = ".".join(parts[:length])
        if getattr(sys.modules.get(package), cls.__qualname__, None) is cls:
            return f"{package}.{cls.__qualname__}"
    return f"{cls.__module__}.{cls.__qualname__}"


def spec_of(value: Any) -> Any:
    """Return the plain, serialisable form of a choice, of a class, or of ``functools.partial`` of one.

    Containers are walked; anything else is returned as it is. Defaults that were not given are not part of a spec.
    """
    if isinstance(value, Choice):
        spec: Spec = {"class_path": class_path(type(value))}
        if value._given:
            spec["init_args"] = {k: spec_of(v) for k, v in value._given.items()}
        return spec
    if isinstance(value, type):
        return {"class_path": class_path(value)}
    if isinstance(value, partial):
        # jsonargparse builds its factories as partial(wrapper, ..., cls, **init_args).
        owner = next(v for v in (value.func, *value.args) if isinstance(v, type))
        spec = {"class_path": class_path(owner)}
        if value.keywords:
            spec["init_args"] = {k: spec_of(v) for k, v in value.keywords.items()}
        return spec
    if isinstance(value, Mapping):
        return {k: spec_of(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [spec_of(v) for v in value]
    return value


def import_class(path: str) -> type:
    """Import a class by its path.

    Raises:
        ConfigError: The module or the class does not exist, or it is no class.
    """
    module, _, name = current(path).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"class path {path!r} cannot be imported ({error}): check its spelling and PYTHONPATH"
        ) from None
    if not isinstance(found, type):
        raise ConfigError(f"{path!r} is no class")
    return found


def is_spec(value: Any) -> bool:
    """Tell whether a value is a class-path spec."""
    if not isinstance(value, Mapping) or not {"class_path"} <= set(value) <= {"class_path", "init_args"}:
        return False
    return isinstance(value["class_path"], str) and isinstance(value.get("init_args") or {}, Mapping)


def build(spec: Any) -> Any:
    """Build an object from its spec; specs that name a :class:`Choice` are built, other classes become factories."""
    if isinstance(spec, list | tuple):
        return [build(v) for v in spec]
    if not is_spec(spec):
        return spec
    cls = import_class(spec["class_path"])
    arguments = {k: build(v) for k, v in (spec.get("init_args") or {}).items()}
    return cls(**arguments) if issubclass(cls, Choice) else partial(cls, **arguments)


def rebuild(value: T) -> T:
    """Return an independent copy, built anew from the value's spec (no state is carried over)."""
    return cast(T, build(spec_of(value)))


def leaves(spec: Any, prefix: str = "") -> dict[str, Any]:
    """Flatten a spec to dotted leaves, without ``init_args``: ``{"weighting": "...KDE", "weighting.cap": 1.5}``."""
    if is_spec(spec):
        found = {prefix: spec["class_path"]} if prefix else {}
        spec = spec.get("init_args") or {}
    elif isinstance(spec, Mapping) and spec:
        found = {}
    else:
        return {prefix: list(spec) if isinstance(spec, tuple) else spec}
    for key, value in spec.items():
        found |= leaves(value, f"{prefix}.{key}" if prefix else key)
    return found
