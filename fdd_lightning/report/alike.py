"""Which rows are alike, so that they can be compared or stand in one panel."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from fdd_lightning.report.labels import hashable
from fdd_lightning.report.results import IDENTITY, Row

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


def ground_of_any_length(row: Row) -> list[Any]:
    """Return :func:`common_ground` without the number of epochs."""
    *others, told = common_ground(row)
    return [*others, {key: value for key, value in told.items() if key != LENGTH}]


def places(rows: Sequence[Row]) -> list[list[Any]]:
    """Return the common ground that each row is shown on, which is its own.

    But full training is shown with the first rows of distilled sets that differ from it in epochs alone.
    """
    others = [row for row in rows if row["method"] != "full"]

    def place(row: Row) -> list[Any]:
        if row["method"] != "full":
            return common_ground(row)
        wanted = hashable(ground_of_any_length(row))
        return common_ground(next((o for o in others if hashable(ground_of_any_length(o)) == wanted), row))

    return list(map(place, rows))


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
