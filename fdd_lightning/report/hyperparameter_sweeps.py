"""Hyperparameter sweeps: rows that differ in one numeric setting alone, such as the variance of KDE's kernel."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from fdd_lightning.artefacts.results import Row
from fdd_lightning.configuration.choices import leaves
from fdd_lightning.configuration.row_settings import preset
from fdd_lightning.report.comparable_rows import broadest, common_ground, condition
from fdd_lightning.report.row_names import hashable

LEAST = 3
"""Values that a sweep has at least."""


@dataclass(frozen=True)
class Sweep:
    """Rows that differ in one numeric setting alone.

    Attributes:
        key: The setting.
        values: Its values, rising.
        rows: A row for each.
        vanilla: The row of the same method without weighting, to compare with; None where there is none, and where the
            sweep is itself without weighting.

    Example:
        >>> Sweep("weighting.variance", values=(0.1, 1.0, 10.0), rows=(), vanilla=None).values[-1]
        10.0
    """

    key: str
    values: tuple[float, ...]
    rows: tuple[Row, ...]
    vanilla: Row | None


def sweeps(rows: Sequence[Row]) -> dict[str, list[Sweep]]:
    """Find every sweep over a numeric setting.

    A row that does not name a setting has the preset's value, if the menu tells it; else it is left out. Of rows with
    equal values that differ in seeds or numbers of networks, the one that rests on the most values counts. Seeds are no
    settings to sweep over.

    Returns:
        For each setting that has a sweep of three values or more, its sweeps in the order of rows.
    """
    keys = dict.fromkeys(key for row in rows for key in row.settings if key.rpartition(".")[2] != "seed")
    return {key: over_key for key in keys if (over_key := _sweeps_over(key, rows))}


def value_of(row: Row, key: str) -> float | None:
    """Return the value that a numeric setting has in a row: its own, or the preset's.

    None where it is no finite number, or where the menu does not tell it: the class that it belongs to was changed, or
    is not in the menu.
    """
    settings = row.settings
    value = settings[key] if key in settings else _default(row, key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _default(row: Row, key: str) -> Any:
    settings = row.settings
    parts = key.split(".")
    if any(".".join(parts[:n]) in settings for n in range(1, len(parts))):
        return None  # the preset's value belongs to another class
    if parts[0] == "weighting":
        return _known("weighting", row.weighting).get(key.removeprefix("weighting."))
    if parts[0] == "experts":
        return _known("experts", "mtt").get(key.removeprefix("experts."))
    known = _known("data", row.dataset) | _known("method", row.method)
    if key not in known and row.weighting != "vanilla":
        known = _known("encoder", str(settings.get("encoder", "supcon")))
    return known.get(key)


def _known(kind: str, name: str) -> dict[str, Any]:
    """Return the leaves of an entry of the menu; a row from elsewhere may call itself what is no name of one."""
    return leaves(preset(kind, name)) if re.fullmatch(r"[\w-]+", name) else {}


def _sweeps_over(key: str, rows: Sequence[Row]) -> list[Sweep]:
    groups: dict[Hashable, dict[float, list[Row]]] = {}
    for row in rows:
        value = value_of(row, key)
        if value is not None:
            groups.setdefault(condition(row, settings=without(row, key)), {}).setdefault(value, []).append(row)
    swept = [
        {value: broadest(points[value]) for value in sorted(points)}
        for points in groups.values()
        if len(points) >= LEAST
    ]
    taken = {id(row) for points in swept for row in points.values()}
    plain = [row for row in rows if row.weighting == "vanilla" and id(row) not in taken]
    return [
        Sweep(key, tuple(points), tuple(points.values()), _vanilla(next(iter(points.values())), key, plain))
        for points in swept
    ]


def without(row: Row, key: str) -> dict[str, Any]:
    """Return a row's settings but for one."""
    return {k: v for k, v in row.settings.items() if k != key}


def _vanilla(row: Row, key: str, plain: Sequence[Row]) -> Row | None:
    """Return, of rows without weighting, the one that is most like a row of a sweep otherwise."""

    def ground(row: Row) -> Hashable:
        return hashable([common_ground(row), row.method, row.ipc, row.train_on])

    def likeness(other: Row) -> int:
        settings = without(row, key)
        return sum(1 if settings.get(k, ...) == v else -1 for k, v in without(other, key).items())

    candidates = [other for other in plain if ground(other) == ground(row)] if row.weighting != "vanilla" else []
    return max(candidates, key=likeness, default=None)
