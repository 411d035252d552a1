"""CSV: a line for each row, with its whole identity and every figure, for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from fdd_lightning.artefacts.results import IDENTITY, Row
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.report.formats import Format
from fdd_lightning.report.metrics import all_metrics_of
from fdd_lightning.report.published import PublishedRow, published_for
from fdd_lightning.report.statistics import interval, spread

FACTS = ("reads_groups", "signal", "small_cells", "conflict_count", "warnings")
"""Keys beside the identity and the metrics."""
STAGES = ("fit", "distill", "eval")
PARTS = ("", "_std", "_std_sets", "_std_networks", "_low", "_high")
"""Columns of each metric: mean, deviation over all values, over sets and over networks, ends of the 95% interval."""
PUBLISHED: dict[str, Callable[[PublishedRow], Any]] = {
    "published_accuracy": lambda p: p.accuracy,
    "published_deo_max": lambda p: p.deo_max,
    "published_deo_mean": lambda p: p.deo_mean,
    "published_source": lambda p: p.source,
}
"""Columns of the papers' figures; several papers' are parted by `` / ``."""


class CSV(Format):
    """Fractions and seconds; empty where there is none. Lists and settings are JSON.

    Example:
        >>> CSV().text(RunResults([])).split(",")[:3]
        ['run', 'dataset', 'method']
    """

    file = "table.csv"

    def text(self, results: RunResults) -> str:
        """Return a heading and a line for each row."""
        metrics = list(all_metrics_of(results.rows))
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        figures = [name + part for name in metrics for part in PARTS]
        writer.writerow(["run", *IDENTITY, *FACTS, *figures, *PUBLISHED, *(f"seconds_{stage}" for stage in STAGES)])
        for row in results.rows:
            told = [row.run, *(getattr(row, key) for key in (*IDENTITY, *FACTS))]
            told += [value for name in metrics for value in _figures(row, name)]
            told += [_of_papers(row, figure) for figure in PUBLISHED.values()]
            told += [row.seconds.get(stage) for stage in STAGES]
            writer.writerow(map(_cell, told))
        return stream.getvalue()


def _figures(row: Row, metric: str) -> list[float | None]:
    values = row.values(metric)
    over, found = spread(values), interval(values)
    ends = (None, None) if found is None else (found.low, found.high)
    return [row.mean(metric), row.std(metric), over.sets, over.networks, *ends]


def _of_papers(row: Row, figure: Callable[[PublishedRow], Any]) -> str:
    told = [_cell(figure(p)) for p in published_for(row)]
    return " / ".join(told) if any(told) else ""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
