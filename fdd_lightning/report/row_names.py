"""How rows are told apart in few words: what they share, and what each has of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from fdd_lightning.artefacts.results import Identity, Row

LONGEST_VALUE = 24
LONGEST_NAME = 40
"""Characters of settings in a name; beyond them only those stand there that are needed."""

COUNTS = ("distill_seeds", "eval_networks", "eval_seeds")
"""Keys of a row's identity that say how often something was repeated, not what."""
ALL = "all rows"
"""Stands for every method in :func:`shared_settings`."""


def shared_settings(rows: Sequence[Identity]) -> dict[str, dict[str, Any]]:
    """Return, for each method with several rows, the settings that all of its rows have in common.

    A method with a single row shares nothing: its settings are its variant. Settings that rows of several methods all
    have in common (which data, say) come first, under :data:`ALL`, and do not stand with the methods again.
    """
    methods = list(dict.fromkeys(row.full_method for row in rows))
    everywhere = _common([row.settings for row in rows]) if len(methods) > 1 else {}
    shared = {ALL: everywhere} if everywhere else {}
    for method in methods:
        own = [row.settings for row in rows if row.full_method == method]
        if len(own) > 1:
            shared[method] = {k: v for k, v in _common(own).items() if k not in everywhere}
    return shared


def _common(settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {k: v for k, v in settings[0].items() if all(k in s and s[k] == v for s in settings)}


def variants(rows: Sequence[Identity]) -> list[str]:
    """Return for each row the settings in which it differs from the others of its method, ``""`` if in none."""
    shared = shared_settings(rows)
    short = short_names({key for row in rows for key in row.settings})

    def own(row: Identity) -> dict[str, Any]:
        common = {**shared.get(ALL, {}), **shared.get(row.full_method, {})}
        return {key: value for key, value in row.settings.items() if key not in common}

    return [describe(own(row), short) for row in rows]


def short_names(keys: set[str]) -> dict[str, str]:
    """Return for each dotted key its last part, or the whole key where several end alike."""
    last = Counter(key.rpartition(".")[2] for key in keys)
    return {key: tail if last[tail := key.rpartition(".")[2]] == 1 else key for key in keys}


def describe(settings: dict[str, Any], names: dict[str, str] | None = None) -> str:
    """Write settings in few words: ``lr_images=10, normaliser=inverse``."""
    names = names or short_names(set(settings))
    return ", ".join(f"{names[k]}={short_value(v)}" for k, v in settings.items())


def short_value(value: Any) -> str:
    """Write one value in few words; a class path by its last part."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        text = value.rpartition(".")[2] if _is_class_path(value) else value
    else:
        text = json.dumps(value, separators=(",", ":"), default=str)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def _is_class_path(text: str) -> bool:
    parts = text.split(".")
    # A class begins with a capital; the ending of a file's name does not.
    return len(parts) > 1 and all(part.isidentifier() for part in parts) and parts[-1][0].isupper()


def names_of(rows: Sequence[Identity]) -> list[str]:
    """Return a short name for each row: method, weighting and debiased trainer, and what tells it from others of those.

    ``dm fairdd``, or ``dm vanilla (lr_images=10)`` where another row is plain ``dm vanilla``; ``dm vanilla, dfa``.
    Images per class, data set and the rest of the evaluation do not stand in it.
    """
    settings = [{**row.settings, **trainer_settings(row), **run} for row, run in zip(rows, _runs(rows), strict=True)]
    short = short_names({key for each in settings for key in each})
    names = []
    for row, all_own in zip(rows, settings, strict=True):
        namesakes = [each for other, each in zip(rows, settings, strict=True) if _name(other) == _name(row)]
        own = {k: v for k, v in all_own.items() if any(k not in each or each[k] != v for each in namesakes)}
        if len(describe(own, short)) > LONGEST_NAME:
            own = _telling(own, namesakes)
        names.append(_name(row) + (f" ({describe(own, short)})" if own else ""))
    return names


def _runs(rows: Sequence[Identity]) -> list[dict[str, str]]:
    """Return the run of each row where some row is in several, else nothing: rows have other names then."""
    runs: dict[Hashable, set[str]] = {}
    keys = [hashable({k: v for k, v in row.identity().items() if k not in COUNTS}) for row in rows]
    named = [row.run if isinstance(row, Row) else "" for row in rows]
    for key, run in zip(keys, named, strict=True):
        runs.setdefault(key, set()).add(run)
    apart = any(len(each) > 1 for each in runs.values())
    return [{"run": run} if apart and run else {} for run in named]


def _telling(own: dict[str, Any], namesakes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return as few of a row's settings as tell it from its namesakes.

    Choices come before settings of what was chosen, and the method's before those of what was fitted for it.
    """
    telling: dict[str, Any] = {}
    left = list(namesakes)
    order = {key: (key.count("."), -number) for number, key in enumerate(own)}
    for key in sorted(own, key=order.__getitem__):
        same = [settings for settings in left if key in settings and settings[key] == own[key]]
        if len(same) < len(left):
            telling[key], left = own[key], same
    return telling


def trainer_settings(row: Identity) -> dict[str, Any]:
    """Return the settings of an evaluation that are its trainer's."""
    return {key: value for key, value in row.eval_settings.items() if key.partition(".")[0] == "learner"}


def _name(row: Identity) -> str:
    name = row.method if row.method == "full" else f"{row.full_method} {row.weighting}"
    return name if row.trainer == "erm" else f"{name}, {row.trainer}"


def hashable(value: Any) -> Hashable:
    """Return a value of a row as something that can be compared and counted."""
    return json.dumps(value, sort_keys=True, default=str)
