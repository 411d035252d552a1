"""Specs with every default filled in, by what is known of classes: imported ones, or what was noted of them before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec
from fdd_lightning.errors import ConfigError

NO_DEFAULT: Any = object()
"""Stands for the default of an argument that has none."""


class Classes(Protocol):
    """What has to be known of classes; a class is whatever the implementation tells them by."""

    def named(self, path: str) -> Any:
        """Return the class of a path, or raise ConfigError."""

    def path(self, cls: Any) -> str:
        """Return the path under which YAML names a class."""

    def name(self, cls: Any) -> str:
        """Return a class's bare name."""

    def menu(self, cls: Any) -> str:
        """Return the folder of the menu that holds entries of a class; empty if none."""

    def below(self, cls: Any) -> Sequence[Any]:
        """Return all classes derived from one."""

    def is_abstract(self, cls: Any) -> bool:
        """Tell whether a class cannot be built."""

    def takes_anything(self, cls: Any) -> bool:
        """Tell whether a class passes unknown arguments on to one that takes them all."""

    def arguments(self, cls: Any) -> Mapping[str, tuple[Sequence[Any], Any]]:
        """Return a class's arguments, each with the classes of which it takes one and its default as a spec."""


def spec_named(name: str, bases: Iterable[Any], classes: Classes) -> Spec | None:
    """Return the spec that a name stands for: a class path, the bare name of a class, an entry of the menu, or a file.

    Names are looked for among the bases and what is derived from them; None where it is nothing of that.

    Raises:
        ConfigError: It is a class path that cannot be imported, or a file that holds no spec.
    """
    menu.refuse_address(name)
    if "." in name and Path(name).suffix not in menu.ENDINGS:
        return {"class_path": classes.path(classes.named(name))}
    known = [cls for base in bases for cls in (base, *classes.below(base))]
    kinds = list(dict.fromkeys(filter(None, (classes.menu(cls) for cls in known)))) or [""]
    if cls := next((cls for cls in known if classes.name(cls) == name), None):
        return {"class_path": classes.path(cls)}
    files = ((kind, menu.file_of(kind, name)) for kind in kinds if kind or Path(name).suffix in menu.ENDINGS)
    spec = next((menu.spec_in(file, kind) for kind, file in files if file is not None), None)
    if spec is None or "." in spec["class_path"]:
        return spec
    cls = next((cls for cls in known if classes.name(cls) == spec["class_path"]), None)
    return None if cls is None else {**spec, "class_path": classes.path(cls)}


def complete(spec: Any, bases: Sequence[Any], key: str, classes: Classes) -> Any:
    """Return a spec with every default of its classes filled in; see the function of this name in ``defaults``."""
    if isinstance(spec, list | tuple):
        return [complete(item, bases, key, classes) for item in spec]
    if isinstance(spec, str) and bases and spec not in ("null", "None", ""):
        spec = {"class_path": spec}
    if not menu.is_spec_like(spec) or "class_path" not in spec:
        return {k: complete(v, (), "", classes) for k, v in spec.items()} if isinstance(spec, Mapping) else spec
    name = str(spec["class_path"])
    try:
        named = spec_named(name, bases, classes)
    except ConfigError as error:
        raise ConfigError(f"--{key}: {error}" if key else str(error)) from None
    if named is None:
        if not key:
            raise ConfigError(f"there is no class {name!r}: give its path (module.Class)")
        is_file = Path(name).suffix in menu.ENDINGS
        what = f"there is no file {name!r}" if is_file else f"there is no class {name!r} for it"
        raise ConfigError(f"--{key}: {what}: name another one, or give its path (module.Class)")
    spec = menu.merged(named, {"init_args": spec.get("init_args") or {}})
    cls = classes.named(spec["class_path"])
    given = dict(spec.get("init_args") or {})
    arguments: dict[str, Any] = {}
    for argument, (wanted, default) in classes.arguments(cls).items():
        below = f"{key}.{argument}" if key else ""
        if argument in given:
            there = None if default is NO_DEFAULT else default
            value = _with_class(given.pop(argument), there, wanted, classes)
            arguments[argument] = complete(value, wanted, below, classes)
        elif default is not NO_DEFAULT:
            arguments[argument] = complete(default, wanted, below, classes)
    if given and key and not classes.takes_anything(cls):
        strange = next(iter(given))
        raise ConfigError(f"--{key}.{strange}: no such option of {classes.name(cls)}")
    return {"class_path": classes.path(cls), "init_args": arguments | given}


def _with_class(value: Any, default: Any, wanted: Sequence[Any], classes: Classes) -> Any:
    """Return arguments that were given without a class together with the class that is the default."""
    if not wanted or not menu.is_spec_like(value) or "class_path" in value:
        return value
    if menu.is_spec_like(default):
        return menu.merged(default, value)
    concrete = [cls for cls in wanted if not classes.is_abstract(cls)]
    return {"class_path": classes.path(concrete[0]), **value} if len(concrete) == 1 else value
