"""Which metrics there are: those of every row, those on request, and those of users and of installed packages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from torch import Tensor
from torchmetrics import MetricCollection

from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError
from fdd_lightning.metrics.accuracy import (
    Accuracy,
    AlignedAccuracy,
    BalancedAccuracy,
    ConflictAccuracy,
    WorstGroupAccuracy,
)
from fdd_lightning.metrics.base import EvaluationMetric
from fdd_lightning.metrics.calibration import CalibrationError
from fdd_lightning.metrics.counts import GroupCounts
from fdd_lightning.metrics.crowd import AgainstCrowdAccuracy, WithCrowdAccuracy
from fdd_lightning.metrics.fairness import AverageOdds, DemographicParity, DEOMax, DEOMean, EqualisedOdds

BUILT_IN: tuple[type[EvaluationMetric], ...] = (
    Accuracy,
    BalancedAccuracy,
    DEOMax,
    DEOMean,
    WorstGroupAccuracy,
    AlignedAccuracy,
    ConflictAccuracy,
    DemographicParity,
    EqualisedOdds,
    CalibrationError,
)
"""Metrics of every row."""
BY_CROWD = (WithCrowdAccuracy, AgainstCrowdAccuracy)
"""Metrics for data without groups, which a user asks for by class path."""
ON_REQUEST: tuple[type[EvaluationMetric], ...] = (*BY_CROWD, AverageOdds)
"""All that a user asks for by class path."""
GROUP = "fdd_lightning.metrics"
"""The group of entry points by which other packages add metrics."""


def metric_classes(more: Sequence[str] = ()) -> list[type[EvaluationMetric]]:
    """Return the metrics that stand in every row, in their order, and a user's own after them.

    Raises:
        ConfigError: A class path of those is no metric, or has another's name.

    Example:
        >>> [metric.heading for metric in metric_classes()][:3]
        ['accuracy', 'balanced', 'DEO_M']
    """
    classes = list(dict.fromkeys([*_installed(), *(_checked(import_class(path), path) for path in more)]))
    names = [metric.name for metric in classes]
    twice = next((metric for i, metric in enumerate(classes) if metric.name in names[:i]), None)
    if twice is not None:
        raise ConfigError(f"metric {twice.__name__} has the name of another, {twice.name!r}: give it one of its own")
    return classes


@cache
def _installed() -> tuple[type[EvaluationMetric], ...]:
    """Return the built-in metrics and those of installed packages."""
    found = entry_points(group=GROUP)
    return (*BUILT_IN, *(_checked(point.load(), point.value) for point in sorted(found, key=lambda point: point.name)))


def _checked(metric: object, path: str) -> type[EvaluationMetric]:
    if not (isinstance(metric, type) and issubclass(metric, EvaluationMetric) and metric.name):
        raise ConfigError(
            f"{path} is no metric: it must be a subclass of fdd_lightning.metrics.GroupCounts, or of EvaluationMetric "
            "there, with a name"
        )
    return metric


def group_metrics(
    num_classes: int,
    num_groups: int,
    aligned: Tensor | None = None,
    classes: Iterable[type[EvaluationMetric]] | None = None,
    least: int = 1,
    **kwargs: Any,
) -> MetricCollection:
    """Return the metrics that exist for a data set, by name; those that count share one table.

    The metrics' arguments are those of :class:`GroupCounts`. Without classes they are the metrics of every row. Give
    ``update`` the predictions, targets and groups of a batch, and ``probabilities=`` where some metric reads them.
    """
    existing = {
        metric.name: metric(num_classes, num_groups, aligned, least=least, **kwargs)
        for metric in (metric_classes() if classes is None else classes)
        if (num_groups > 1 or not metric.needs_groups) and (aligned is not None or not metric.needs_aligned)
    }
    counting = [name for name, metric in existing.items() if isinstance(metric, GroupCounts)]
    alone = [[name] for name in existing if name not in counting]
    return MetricCollection(dict(existing), compute_groups=[*([counting] if counting else []), *alone])
