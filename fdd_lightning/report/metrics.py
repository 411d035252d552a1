"""What the report says of each metric; any other stands in the tables under its own name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fdd_lightning.artefacts.results import Row


@dataclass(frozen=True)
class Metric:
    """How a metric is shown.

    Attributes:
        heading: Its column's name.
        spare: How readily its column is left out where there is no room; 0 is never.
        meaning: What it is, for the caption and the axes of charts.
        higher_is_better: Whether a higher value is better; None where that is not known.
        in_tables: Whether it has a column there; tables are wide enough without those of little news.

    Example:
        >>> METRICS["deo_max"].heading
        'DEO_M'
    """

    heading: str
    spare: int = 3
    meaning: str = ""
    higher_is_better: bool | None = None
    in_tables: bool = True


METRICS = {
    "accuracy": Metric("accuracy", 0, "", True),
    "balanced_accuracy": Metric("balanced", 0, "mean accuracy over classes and groups", True),
    "deo_max": Metric("DEO_M", 0, "largest accuracy gap between groups", False),
    "deo_mean": Metric("DEO_A", 0, "mean accuracy gap between groups", False),
    "worst_group_accuracy": Metric("worst", 1, "least accurate class and group", True),
    "aligned_accuracy": Metric("aligned", 3, "accuracy on bias-aligned images", True),
    "conflict_accuracy": Metric("conflict", 2, "accuracy on bias-conflicting images", True),
    "demographic_parity": Metric("DP", 5, "largest gap in how often groups are taken for a class", False, False),
    "equalised_odds": Metric("EO", 5, "largest gap of true or of false positives between groups", False, False),
    "calibration_error": Metric("ECE", 5, "mean distance of confidence from accuracy", False, False),
    "average_odds": Metric("AO", 3, "mean gap of true and of false positives between groups", False),
    "with_crowd_accuracy": Metric("with crowd", 3, "accuracy on images that look like their own class", True),
    "against_crowd_accuracy": Metric("against crowd", 1, "accuracy on images that look like another class", True),
}


def metrics_of(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return the metrics of tables that some row has, in the order of :func:`all_metrics_of`."""
    return {name: metric for name, metric in all_metrics_of(rows).items() if metric.in_tables}


def all_metrics_of(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return the metrics that some row has: the known ones in their order, then the others in the rows'."""
    measured = dict.fromkeys(name for row in rows for name in row.metrics if row.mean(name) is not None)
    known = {name: metric for name, metric in METRICS.items() if any(row.mean(name) is not None for row in rows)}
    return known | {name: _own(name) for name in measured if name not in METRICS}


def _own(name: str) -> Metric:
    """Return how a metric that is not built in is shown: as its class says, if it is imported or installed."""
    from fdd_lightning.metrics import GroupCounts, metric_classes  # here: torchmetrics takes seconds to import

    metric_classes()  # imports those of installed packages
    known: list[Any] = [GroupCounts]
    for each in known:
        known.extend(each.__subclasses__())
        if each.name == name:
            return Metric(each.heading or name, higher_is_better=each.higher_is_better)
    return Metric(name)


def axis(name: str) -> str:
    """Return how a chart's axis names a metric: ``DEO_A: mean accuracy gap between groups (%)``."""
    metric = METRICS.get(name, Metric(name))
    return ": ".join(filter(None, (metric.heading, metric.meaning))) + " (%)"


def explain(metrics: Sequence[Metric]) -> list[str]:
    """Return what the headings of a table mean, a phrase for each that needs it."""
    told = {m.heading: [m.meaning, "(lower is better)" if m.higher_is_better is False else ""] for m in metrics}
    return [f"{heading}: {' '.join(filter(None, words))}" for heading, words in told.items() if any(words)]
