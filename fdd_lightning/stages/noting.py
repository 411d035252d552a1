"""Notes what is known of classes, for command lines to come: see :mod:`fdd_lightning.stages.noted_classes`."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any, Literal, Union, get_args, get_origin

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import class_path
from fdd_lightning.configuration.completion import NO_DEFAULT
from fdd_lightning.configuration.defaults import IMPORTED, parameters
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import FDDError
from fdd_lightning.modules.base import StageModule, fit_kinds
from fdd_lightning.stages.noted_classes import GROUPS, PACKAGES, PLAIN, place_of_notes
from fdd_lightning.stages.parser import STAGES, StageParser, stage_kind
from fdd_lightning.trainer import FDDTrainer
from fdd_lightning.utils.files import atomic_path


def note_classes() -> None:
    """Write what is known of classes into the cache, if it is not there; nothing is noted of the user's own."""
    file = place_of_notes()
    if file is None or file.is_file():
        return
    fit_kinds()  # other packages' own, by entry points
    try:
        with atomic_path(file) as temporary:
            temporary.write_text(json.dumps(notes()), encoding="utf-8")
    except OSError:
        pass  # it will be written another time


def notes() -> dict[str, Any]:
    """Return what is known of the stages, and of all classes that they may be given."""
    kinds = {stage: stage_kind(stage) for stage in STAGES}
    waiting: list[type] = [cls for kind in kinds.values() for cls in (kind.base, kind.data)]
    classes: dict[str, dict[str, Any]] = {class_path(FDDTrainer): _noted(FDDTrainer)}
    aliases: dict[str, str] = {}
    seen: set[type] = set()
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        waiting += _below(cls)
        for wanted, default in IMPORTED.arguments(cls).values():
            waiting += wanted
            waiting += [IMPORTED.named(name) for name in _named(default)]
        path, noted = class_path(cls), _noted(cls)
        if _is_plain(noted):
            classes[path] = noted
            aliases[f"{cls.__module__}.{cls.__qualname__}"] = path
    stages = {
        stage: {
            "base": class_path(kind.base),
            "default": kind.default,
            "data": class_path(kind.data),
            "default_data": kind.default_data,
            "facts": kind.facts,
            "flags": dict(kind.flags),
            "options": sorted(StageParser(stage)._parser(stage)._option_string_actions),
        }
        for stage, kind in kinds.items()
    }
    return {"classes": classes, "aliases": aliases, "stages": stages, "trainer": class_path(FDDTrainer)}


def _below(cls: type) -> list[type]:
    """Return the classes derived from one, but for the user's own: those are looked up anew each time."""
    points = (point.value for group in GROUPS for point in entry_points(group=group))
    known = {"fdd_lightning", *PACKAGES, *(value.partition(".")[0] for value in points)}
    return [each for each in IMPORTED.below(cls) if each.__module__.partition(".")[0] in known]


def _is_plain(noted: dict[str, Any]) -> bool:
    """Tell whether what is noted of a class, defaults say, is the same when it is read again."""
    try:
        return bool(json.loads(json.dumps(noted)) == noted)
    except (TypeError, ValueError):
        return False


def _noted(cls: Any) -> dict[str, Any]:
    annotations = {name: parameter.annotation for name, parameter in parameters(cls).items()}
    arguments = {
        name: {
            "classes": [class_path(each) for each in wanted],
            "type": None if wanted else _type(annotations[name]),
            **({} if default is NO_DEFAULT else {"default": default}),
        }
        for name, (wanted, default) in IMPORTED.arguments(cls).items()
    }
    return {
        "name": cls.__name__,
        "menu": IMPORTED.menu(cls),
        "place": getattr(cls, "place", None),
        "abstract": IMPORTED.is_abstract(cls),
        "anything": IMPORTED.takes_anything(cls),
        "below": [class_path(each) for each in _below(cls)],
        "bases": [class_path(each) for each in cls.__mro__],
        "implied": _implied(cls),
        "has_shape": _has_shape(cls),
        "arguments": arguments,
        "ranges": list(_ranges(cls)) if issubclass(cls, StageModule) else [],
    }


def _ranges(cls: Any) -> Iterator[dict[str, Any]]:
    """Yield the ranges of numbers that a model's constructors require, first thing and whatever else is given."""
    for owner in cls.__mro__:
        if "__init__" not in owner.__dict__ or owner.__module__.partition(".")[0] != "fdd_lightning":
            continue
        try:
            (function,) = ast.parse(textwrap.dedent(inspect.getsource(owner.__init__))).body
        except (OSError, SyntaxError, TypeError):  # there is no source
            return
        assert isinstance(function, ast.FunctionDef)
        for statement in function.body:
            match statement:
                case ast.Expr(value=ast.Call(func=ast.Name(id="require"), args=[ast.Dict() as named], keywords=limits)):
                    names = {ast.unparse(k or v): ast.unparse(v) for k, v in zip(named.keys, named.values, strict=True)}
                    with suppress(ValueError):  # a limit that is computed
                        told = {str(limit.arg): ast.literal_eval(limit.value) for limit in limits}
                        if {*names.values()} <= {*parameters(cls)}:
                            yield {"names": {name.strip("'"): own for name, own in names.items()}, "limits": told}
                case ast.Assign(targets=[ast.Name()]):
                    break  # an argument may be another from here on
        if function.args.kwarg is None:
            return


def _implied(cls: Any) -> dict[str, Any] | None:
    """Return what each preset implies of a model's arguments; nothing where none does, None where that is not known."""
    if not issubclass(cls, StageModule) or cls.implied.__func__ is StageModule.implied.__func__:  # type: ignore[attr-defined]
        return {}
    if "preset" not in parameters(cls):
        return None
    found: dict[str, Any] = {}
    for name in menu.names("eval"):
        try:
            found[name] = cls.implied({"preset": name})
        except FDDError:  # said when it is named
            continue
    return found


def _has_shape(cls: Any) -> bool:
    """Tell whether a data module knows its images' shape when nothing is said of it."""
    try:
        return issubclass(cls, BaseDataModule) and bool(cls().image_shape)
    except Exception:
        return False


def _named(default: Any) -> Iterator[str]:
    """Yield the classes in a default."""
    if isinstance(default, Mapping):
        if isinstance(path := default.get("class_path"), str):
            yield path
        for value in default.values():
            yield from _named(value)
    elif isinstance(default, list):
        for value in default:
            yield from _named(value)


def _type(annotation: Any) -> Any:
    """Return a type of plain values as it is noted; None for others."""
    if annotation is None or annotation is type(None):
        return "None"
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is None:
        return annotation.__name__ if annotation in PLAIN.values() else None
    if origin is Literal:
        return ["Literal", list(parts)]
    kind = "Union" if origin in (Union, types.UnionType) else origin.__name__
    inner = ["..." if part is ... else _type(part) for part in parts]
    return [kind, inner] if (kind == "Union" or kind in PLAIN) and None not in inner else None
