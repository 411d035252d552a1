"""What a class's own defaults are, at every depth: for the parser and for Python alike."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from torch import Tensor

from fdd_lightning.configuration import completion
from fdd_lightning.configuration.choices import Spec, class_path, current, import_class, spec_of

PLAIN = (bool, int, float, str, bytes, dict, list, tuple, set, Path, Tensor, type(None))
"""Types of values that are no choices."""


@cache
def parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the named arguments of a class's constructor, with those of its bases where it passes ``**kwargs`` on.

    Those that a class gives to its base itself, and so does not take, it names in ``fixed``.
    """
    named: dict[str, inspect.Parameter] = {}
    fixed: set[str] = set()
    for owner in cls.__mro__:
        if "__init__" not in owner.__dict__:
            continue
        own = list(inspect.signature(owner.__dict__["__init__"]).parameters.values())[1:]
        for parameter in own:
            variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if not variable and parameter.name not in fixed:
                named.setdefault(parameter.name, parameter.replace(annotation=_annotation(parameter, owner)))
        if all(parameter.kind != parameter.VAR_KEYWORD for parameter in own):
            break
        fixed |= set(owner.__dict__.get("fixed", ()))
    return named


def _annotation(parameter: inspect.Parameter, owner: type) -> Any:
    """Return an argument's type; Any where it cannot be known here."""
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return Any if annotation is parameter.empty else annotation
    try:
        return eval(annotation, vars(sys.modules[owner.__module__]))  # as typing.get_type_hints does
    except Exception:  # a name that is imported for type checkers only
        return Any


def classes_for(annotation: Any) -> tuple[type, ...]:
    """Return the classes of which an argument takes one, built or as a factory; none for plain values.

    Example:
        >>> from collections.abc import Callable
        >>> from fdd_lightning.networks import Network
        >>> classes_for(Callable[[int], Network] | None)
        (<class 'fdd_lightning.networks.base.Network'>,)
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None:
        if getattr(annotation, "_is_protocol", False):
            return classes_for(get_type_hints(annotation.__call__)["return"])
        chosen = isinstance(annotation, type) and annotation is not object and not issubclass(annotation, PLAIN)
        return (annotation,) if chosen else ()
    if origin is Callable:
        return classes_for(arguments[-1])
    if origin in (Union, types.UnionType) or (isinstance(origin, type) and not issubclass(origin, Mapping)):
        return tuple(cls for argument in arguments for cls in classes_for(argument))
    return ()


class Imported:
    """Classes as Python has them: see :class:`~fdd_lightning.configuration.completion.Classes`.

    Example:
        >>> Imported().path(Imported)
        'fdd_lightning.configuration.defaults.Imported'
    """

    def named(self, path: str) -> type:
        """Import a class."""
        return import_class(path)

    def path(self, cls: type) -> str:
        """Return the path under which YAML names a class."""
        return class_path(cls)

    def name(self, cls: type) -> str:
        """Return a class's bare name."""
        return cls.__name__

    def menu(self, cls: type) -> str:
        """Return the folder of the menu that holds entries of a class; empty if none."""
        return str(getattr(cls, "menu", ""))

    def below(self, cls: type) -> list[type]:
        """Return all classes derived from one."""
        children: list[type] = cls.__subclasses__()
        return [each for child in children for each in (child, *self.below(child))]

    def is_abstract(self, cls: type) -> bool:
        """Tell whether a class cannot be built."""
        return inspect.isabstract(cls)

    def takes_anything(self, cls: type) -> bool:
        """Tell whether a class passes unknown arguments on to one that takes them all."""
        init = next(owner.__dict__["__init__"] for owner in cls.__mro__ if "__init__" in owner.__dict__)
        kinds = [parameter.kind for parameter in inspect.signature(init).parameters.values()]
        return inspect.Parameter.VAR_KEYWORD in kinds and cls.__module__.partition(".")[0] != "fdd_lightning"

    def arguments(self, cls: type) -> dict[str, tuple[tuple[type, ...], Any]]:
        """Return a class's arguments, each with the classes of which it takes one and its default as a spec."""
        return _arguments(cls)


@cache
def _arguments(cls: type) -> dict[str, tuple[tuple[type, ...], Any]]:
    return {
        name: (
            classes_for(parameter.annotation),
            completion.NO_DEFAULT if parameter.default is parameter.empty else spec_of(parameter.default),
        )
        for name, parameter in parameters(cls).items()
    }


IMPORTED = Imported()


def spec_named(name: str, bases: tuple[type, ...]) -> Spec | None:
    """Return the spec that a name stands for: a class path, the bare name of a class, an entry of the menu, or a file.

    Names are looked for among the bases and what is derived from them; None where it is nothing of that.

    Raises:
        ConfigError: It is a class path that cannot be imported, or a file that holds no spec.
    """
    return completion.spec_named(name, bases, IMPORTED)


def complete(spec: Any, bases: tuple[type, ...] = (), key: str = "") -> Any:
    """Return a spec with every default of its classes filled in, nested ones too, and its classes by their full paths.

    Who names a class gets that class's own defaults. Arguments without a class go with the class that is the default.

    Args:
        spec: A spec, a name of a class or of the menu, a list of such; anything else is returned as it is.
        bases: The classes that it may be of.
        key: Where it stands, ``model.surrogate``; with it, misspelt names and arguments are refused.

    Raises:
        ConfigError: With the option, the problem and the way out.

    Example:
        >>> complete({"class_path": "fdd_lightning.augment.DSA"})["init_args"]
        {'strategy': 'color_crop_cutout_flip_scale_rotate'}
    """
    return completion.complete(spec, bases, key, IMPORTED)


def current_spec(value: Any) -> Any:
    """Return a value with the class paths of earlier releases in it replaced by those of now."""
    if isinstance(value, Mapping):
        return {k: current(v) if k == "class_path" else current_spec(v) for k, v in value.items()}
    return [current_spec(item) for item in value] if isinstance(value, list | tuple) else value
