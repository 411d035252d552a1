"""Own data sets that share a name, as folders of one base name do: told apart by what they are read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.row_names import describe, hashable

PLACES = ("path", "root")
"""Settings that only rows of own images have: where these lie."""
SOURCE = (*PLACES, "table", "image", "target", "group", "classes")
"""Settings that say which images and labels are read, so that rows that differ in them cannot be compared."""


def told_apart(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with names of data sets that differ wherever own images do: ``faces (2024/faces)``.

    Settings that have moved into such a name stand nowhere else.
    """
    names = {row.dataset for row in rows if set(PLACES) & set(row.settings)}
    for name in names:
        own = [row for row in rows if row.dataset == name]
        differ = [key for key in SOURCE if len({hashable(row.settings.get(key)) for row in own}) > 1]
        if differ:
            rows = [_renamed(row, differ, own) if row.dataset == name else row for row in rows]
    return list(rows)


def _renamed(row: Row, differ: Sequence[str], own: Sequence[Row]) -> Row:
    settings = {key: value for key, value in row.settings.items() if key not in differ}
    told = {key: row.settings[key] for key in differ if row.settings.get(key) is not None}
    words = [_shortest(told.pop(key), [each.settings.get(key) for each in own]) for key in PLACES if key in told]
    words += [describe(told)] if told else []
    return replace(row, dataset=f"{row.dataset} ({', '.join(words)})" if words else row.dataset, settings=settings)


def _shortest(path: str, paths: Sequence[Any]) -> str:
    """Return as many of a path's last parts as tell it from the others."""
    parts = PurePath(path).parts
    others = [PurePath(other).parts for other in paths if other not in (None, path)]
    length = next((n for n in range(1, len(parts)) if all(o[-n:] != parts[-n:] for o in others)), len(parts))
    return str(PurePath(*parts[-length:]))
