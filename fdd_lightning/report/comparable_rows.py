"""Which rows can be compared, or stand in one panel of a chart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.row_names import COUNTS, hashable, trainer_settings

FROM_THE_SET = {"lr": "learned", "labels": "soft"}
"""Settings of an evaluation that come with the set: they say nothing of how the user evaluates."""
LENGTH = "epochs"
"""Setting of an evaluation that depends on the set's size: a whole set takes fewer epochs than a distilled one."""


def protocol(row: Row) -> dict[str, Any]:
    """Return the evaluation's settings but for those that come with the set (the step size that MTT learns)."""
    return {key: value for key, value in row.eval_settings.items() if FROM_THE_SET.get(key) != value}


def common_ground(row: Row) -> list[Any]:
    """Return what rows have in common that are compared side by side: data set, conflict ratio and evaluation.

    In this order: data set, conflict ratio, network, trainer, preset, :func:`protocol`.
    """
    return [row.dataset, row.conflict_ratio, row.network, row.trainer, row.preset, protocol(row)]


def places(rows: Sequence[Row]) -> list[list[Any]]:
    """Return which panel each row is drawn in: data set, conflict ratio, network, preset, :func:`protocol`.

    Trainers stand side by side, so a trainer and its own settings part no panels. Full training stands with the first
    rows of distilled sets that differ from it in epochs alone.
    """
    distilled = [_place(row) for row in rows if row.method != "full"]

    def beside(place: list[Any]) -> list[Any]:
        return next((other for other in distilled if any_length(other) == any_length(place)), place)

    return [beside(_place(row)) if row.method == "full" else _place(row) for row in rows]


def _place(row: Row) -> list[Any]:
    settings = {key: value for key, value in protocol(row).items() if key not in trainer_settings(row)}
    return [row.dataset, row.conflict_ratio, row.network, row.preset, settings]


def any_length(place: Sequence[Any]) -> Hashable:
    """Return a place or :func:`common_ground` without the number of epochs, as something that can be compared."""
    *others, settings = place
    return hashable([*others, {key: value for key, value in settings.items() if key != LENGTH}])


def condition(row: Row, **changed: Any) -> Hashable:
    """Return what a row with some keys changed is about: seeds and numbers of networks are left out."""
    identity = replace(row, **changed).identity()
    return hashable({key: value for key, value in identity.items() if key not in COUNTS})


def broadest(rows: Iterable[Row], like: Row | None = None) -> Row:
    """Return, of rows that are about the same, the one to compare with.

    A row of the same run as ``like`` comes first, then one with as many seeds and networks, then the one that rests on
    the most values.
    """

    def rank(row: Row) -> tuple[bool, bool, int]:
        equal = like is not None and all(getattr(row, key) == getattr(like, key) for key in COUNTS)
        return like is not None and row.run == like.run, equal, row.num_sets * row.eval_networks

    return max(rows, key=rank)
