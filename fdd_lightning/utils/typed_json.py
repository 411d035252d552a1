"""JSON from files: limits before anything is made of it, and the types that its values must have."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

DEEPEST = 64
LARGEST = 2**63
TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
BRACKETS = re.compile(r"[\[\]{}]")


def parse_json(text: str) -> Any:
    """Return what JSON says.

    Raises:
        ValueError: It is none, nested deeper than :data:`DEEPEST`, or holds a number that is not finite or larger than
            :data:`LARGEST`, or half a character.

    Example:
        >>> parse_json('{"mean": NaN}')
        Traceback (most recent call last):
        ValueError: NaN is no finite number
    """
    depth = 0
    for bracket in BRACKETS.findall(TEXTS.sub("", text)):  # before the parser, whose own limit is the whole process's
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST} levels")
    value = json.loads(text, parse_constant=_number, parse_float=_number, parse_int=_integer)
    if "\\ud" in text.lower():  # halves of characters can neither be written nor hashed
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no finite number")
    return value


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > LARGEST:
        raise ValueError(f"{text[:20]} is too large a number")
    return int(text)


def misfits(value: Any, hint: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield where a value, or what it holds, does not have its type, and why.

    Types are plain ones, ``float`` taking finite numbers of both kinds, unions, lists, dicts with texts as keys, typed
    dicts and dataclasses.

    Example:
        >>> list(misfits({"cells": [1, "2"]}, dict[str, list[int]], "manifest"))
        [('manifest.cells.1', 'of type str')]
    """
    kind, arguments = get_origin(hint) or hint, get_args(hint)
    if kind is Any:
        return
    if kind in (UnionType, Union):
        found = [list(misfits(value, each, name)) for each in arguments]
        if all(found):
            yield found[0][0]
        return
    wanted: Any = dict if is_typeddict(kind) else int | float if kind is float else kind
    if (isinstance(value, bool) and kind is not bool) or not isinstance(value, wanted):
        yield name, f"of type {type(value).__name__}"
    elif kind is float and not math.isfinite(value):
        yield name, "that is not finite"
    elif is_typeddict(kind):
        yield from ((name, f"without {key!r}") for key in sorted(kind.__required_keys__ - set(value)))
        for key, inner in get_type_hints(kind).items():
            if key in value:
                yield from misfits(value[key], inner, f"{name}.{key}")
    elif is_dataclass(kind):
        for key, inner in get_type_hints(kind).items():
            yield from misfits(getattr(value, key), inner, f"{name}.{key}")
    elif kind in (list, dict) and arguments:
        for place, member in enumerate(value) if kind is list else value.items():
            yield from misfits(member, arguments[-1], f"{name}.{place}")


def even_lines(value: list[list[Any]] | None) -> bool:
    """Tell whether a matrix, where there is one, has lines of one length, at least one of at least one."""
    return value is None or (bool(value) and len({len(line) for line in value}) == 1 and bool(value[0]))
