"""What a table's caption says of test sets: whether they are even, and which cells are too small to be judged."""

from __future__ import annotations

from collections.abc import Sequence

from fdd_lightning.artefacts.results import BALANCED, Row


def headline_of(rows: Sequence[Row]) -> str:
    """Return the metric that rows drawn together go by: the balanced accuracy where some test set is uneven."""
    headlines = {row.headline for row in rows}
    return BALANCED if BALANCED in headlines and all(row.mean(BALANCED) is not None for row in rows) else "accuracy"


def remarks_on_tests(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each data set with an uneven test set, and for each with cells that are not judged."""
    told: dict[str, None] = {}
    for row in rows:
        counts = [count for line in row.cell_count or [] for count in line if count]
        if not counts:
            continue
        cells = f"{len(counts)} (class, group) cells of {min(counts):,} to {max(counts):,} test images"
        if row.headline == BALANCED:
            told[f"{row.dataset}: {cells}, so accuracy is mostly that of the largest: bold goes by balanced"] = None
        if row.small_cells:
            told[
                f"{row.dataset}: {row.small_cells} of {cells} are too small to be judged one by one, and left out of "
                "DEO_M, DEO_A and worst"
            ] = None
    return list(told)
