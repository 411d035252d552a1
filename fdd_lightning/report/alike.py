"""Which rows are alike, so that they can be compared or stand in one panel."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from fdd_lightning.artefacts.results import IDENTITY, Row
from fdd_lightning.report.labels import hashable, trainers_own

FROM_THE_SET = {"lr": "learned", "labels": "soft"}
"""Settings of an evaluation that come with the set: they say nothing of how the user evaluates."""
LENGTH = "epochs"
"""Setting of an evaluation that depends on the set's size: a whole set takes fewer epochs than a distilled one."""
COUNTS = ("distill_seeds", "eval_networks")
"""Keys of a row's identity that say how often something was repeated, not what."""


def protocol(row: Row) -> dict[str, Any]:
    """Return the evaluation's settings but for those that come with the set (the step size that MTT learns)."""
    return {k: v for k, v in row["eval_settings"].items() if FROM_THE_SET.get(k) != v}


def common_ground(row: Row) -> list[Any]:
    """Return what rows have in common that are compared side by side: data set, conflict ratio and evaluation.

    In this order: data set, conflict ratio, network, trainer, preset, :func:`protocol`.
    """
    return [row["dataset"], row["conflict_ratio"], row["network"], row["trainer"], row["preset"], protocol(row)]


def ground_of_any_length(row: Row) -> Hashable:
    """Return :func:`common_ground` without the number of epochs, as something that can be compared."""
    return _any_length(common_ground(row))


def places(rows: Sequence[Row]) -> list[list[Any]]:
    """Return which panel each row is drawn in: data set, conflict ratio, network, preset, :func:`protocol`.

    Trainers stand side by side, so a trainer and its own settings part no panels. Full training stands with the first
    rows of distilled sets that differ from it in epochs alone.
    """
    found = list(map(_place, rows))
    distilled = [place for row, place in zip(rows, found, strict=True) if row["method"] != "full"]

    def beside(row: Row, place: list[Any]) -> list[Any]:
        alike = (other for other in distilled if _any_length(other) == _any_length(place))
        return next(alike, place) if row["method"] == "full" else place

    return [beside(row, place) for row, place in zip(rows, found, strict=True)]


def _place(row: Row) -> list[Any]:
    own = trainers_own(row)
    told = {key: value for key, value in protocol(row).items() if key not in own}
    return [row["dataset"], row["conflict_ratio"], row["network"], row["preset"], told]


def _any_length(place: Sequence[Any]) -> Hashable:
    *others, told = place
    return hashable([*others, {key: value for key, value in told.items() if key != LENGTH}])


def condition(row: Row, **changed: Any) -> Hashable:
    """Return what a row is about: equal for rows that differ in seeds and numbers of networks alone.

    Args:
        row: The row.
        **changed: Keys that are taken for others than the row's own.
    """
    own: Mapping[str, Any] = {**row, **changed}
    return hashable({key: own[key] for key in IDENTITY if key not in COUNTS})


def broadest(rows: Iterable[Row], like: Row | None = None) -> Row:
    """Return, of rows that are alike, the one to compare with.

    Args:
        rows: At least one.
        like: A row with equally many seeds and networks comes first, then the one that rests on the most values.
    """

    def rank(row: Row) -> tuple[bool, int]:
        equal = like is not None and all(hashable(row[k]) == hashable(like[k]) for k in COUNTS)  # type: ignore[literal-required]
        return equal, max(1, len(row["distill_seeds"])) * row["eval_networks"]

    return max(rows, key=rank)
