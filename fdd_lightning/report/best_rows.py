"""Which of comparable rows are the best: the highest figure, and those that the noise cannot tell from it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.row_names import hashable
from fdd_lightning.report.statistics import difference

KEYS = ("dataset", "conflict_ratio", "ipc", "network", "trainer", "headline")
"""What rows have in common that compete."""


def best(rows: Sequence[Row]) -> list[bool]:
    """Tell for each row whether it is the best among comparable ones, or is not told from the best by the noise.

    A row whose difference to the best has no interval, as one of them has but one value, is no better than it is. The
    whole training set does not compete, nor does a row that has no rival.
    """
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        if row.method != "full" and row.mean(row.headline) is not None:
            groups.setdefault(_group(row), []).append(row)
    named = {id(row) for rivals in groups.values() if len(rivals) > 1 for row in _ties(rivals)}
    return [id(row) in named for row in rows]


def _group(row: Row) -> Hashable:
    return hashable([getattr(row, key) for key in KEYS])


def _ties(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the highest figure, and those whose difference to it is inside the noise."""
    highest = max(rows, key=_figure)

    def ties(row: Row) -> bool:
        found = difference(highest, row, row.headline)
        return _figure(row) == _figure(highest) or (found is not None and not found.significant)

    return [row for row in rows if ties(row)]


def _figure(row: Row) -> float:
    return row.mean(row.headline) or 0.0
