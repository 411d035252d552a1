"""Specs checked part by part: the arguments of each class once, whatever they stand beside.

A grid names the same choices in many combinations. The parser of a stage takes each combination as a whole, a tenth of
a second and more, and goes through every class in it a dozen times. What it comes to is the same as that of the parts.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import yaml

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec, import_class, is_spec, spec_of
from fdd_lightning.configuration.defaults import classes_for, complete, parameters
from fdd_lightning.stages.refusal import FDDParser

PART = "part"


class NoParts(Exception):
    """A spec that has to be taken as a whole.

    Example:
        >>> checked({"class_path": "os.PathLike"}, (int,))
        Traceback (most recent call last):
        fdd_lightning.stages.parts.NoParts: os.PathLike
    """


def checked(spec: Spec, wanted: tuple[type, ...], linked: Sequence[str] = ()) -> Spec:
    """Return a spec, every default in it written out, with its values as the types of its arguments have them.

    Args:
        spec: The spec, as :func:`~fdd_lightning.configuration.defaults.complete` gives it.
        wanted: The classes of which it is one.
        linked: Arguments that come from elsewhere.

    Raises:
        NoParts: It is unusual; the stage's parser tells what is right.
        Refusal: A value is wrong; the stage's parser words it.
    """
    cls: Any = import_class(spec["class_path"])
    given = spec.get("init_args") or {}
    known = parameters(cls)
    needed = {name for name, parameter in known.items() if parameter.default is parameter.empty}
    if not issubclass(cls, wanted) or inspect.isabstract(cls) or set(given) - set(known) or needed - {*given, *linked}:
        raise NoParts(spec["class_path"])
    inner: dict[str, Spec] = {}
    for name, value in given.items():
        classes = classes_for(known[name].annotation)
        if classes and is_spec(value):
            try:
                inner[name] = checked(value, classes)
            except NoParts:
                continue
    own = {name: value for name, value in given.items() if name not in inner}
    values = json.loads(_values(cls, frozenset({*known} - {*own}), json.dumps(own))) | inner
    for name, value in values.items():
        if is_spec(value) and not value.get("init_args"):
            values[name] = {"class_path": value["class_path"], **_nothing(known[name].default)}
    arguments = {name: values[name] for name in known if name in values}
    return {"class_path": spec["class_path"], **({"init_args": arguments} if arguments else {})}


def _nothing(default: Any) -> dict[str, Any]:
    """Return what the stage's parser leaves of the arguments of a class without any: nothing, or those of a default."""
    return {"init_args": {}} if menu.is_spec_like(spec := complete(spec_of(default))) and spec["init_args"] else {}


@cache
def _parser(cls: type, skipped: frozenset[str]) -> FDDParser:
    parser = FDDParser(add_help=False)
    parser.add_class_arguments(cls, PART, skip={*skipped}, fail_untyped=False)
    return parser


@cache
def _values(cls: type, skipped: frozenset[str], given: str) -> str:
    """Return some arguments of a class, those that are not skipped, as their types have them; both as JSON."""
    if given == "{}":
        return given
    parser = _parser(cls, skipped)
    parsed = parser.parse_object({PART: json.loads(given)}, defaults=False)
    return json.dumps(yaml.safe_load(parser.dump(parsed, "yaml", False, skip_validation=True))[PART])
