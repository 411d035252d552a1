"""Which metrics there are, and those of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import entry_points

from torch import Tensor
from torchmetrics import MetricCollection

from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError
from fdd_lightning.metrics.group import (
    Accuracy,
    AlignedAccuracy,
    ConflictAccuracy,
    DEOMax,
    DEOMean,
    GroupCounts,
    WorstGroupAccuracy,
)

BUILT_IN = (Accuracy, DEOMax, DEOMean, WorstGroupAccuracy, AlignedAccuracy, ConflictAccuracy)
GROUP = "fdd_lightning.metrics"
"""The group of entry points by which other packages add metrics."""


def metric_classes(more: Sequence[str] = ()) -> list[type[GroupCounts]]:
    """Return the metrics that stand in every row, in their order, and a user's own after them.

    Args:
        more: Class paths.

    Raises:
        ConfigError: One is no metric, or has another's name.

    Example:
        >>> [metric.heading for metric in metric_classes()][:3]
        ['accuracy', 'DEO_M', 'DEO_A']
    """
    classes = list(dict.fromkeys([*_installed(), *(_checked(import_class(path), path) for path in more)]))
    names = [metric.name for metric in classes]
    twice = next((metric for i, metric in enumerate(classes) if metric.name in names[:i]), None)
    if twice is not None:
        raise ConfigError(f"metric {twice.__name__} has the name of another, {twice.name!r}: give it one of its own")
    return classes


@cache
def _installed() -> tuple[type[GroupCounts], ...]:
    """Return the built-in metrics and those of installed packages."""
    found = entry_points(group=GROUP)
    return (*BUILT_IN, *(_checked(point.load(), point.value) for point in sorted(found, key=lambda point: point.name)))


def _checked(metric: object, path: str) -> type[GroupCounts]:
    if not (isinstance(metric, type) and issubclass(metric, GroupCounts) and metric.name):
        raise ConfigError(
            f"{path} is no metric: it must be a subclass of fdd_lightning.metrics.GroupCounts with a name"
        )
    return metric


def group_metrics(
    num_classes: int,
    num_groups: int,
    aligned: Tensor | None = None,
    classes: Iterable[type[GroupCounts]] | None = None,
) -> MetricCollection:
    """Return the metrics that exist for a data set, by name; they share one table of counts.

    Args:
        num_classes: Number of classes.
        num_groups: Number of groups.
        aligned: bool (num_classes, num_groups), which cells are bias-aligned; None where none is by construction.
        classes: The metrics; None: those of every row.
    """
    existing = {
        metric.name: metric(num_classes, num_groups, aligned)
        for metric in (metric_classes() if classes is None else classes)
        if (num_groups > 1 or not metric.needs_groups) and (aligned is not None or not metric.needs_aligned)
    }
    return MetricCollection(dict(existing), compute_groups=[list(existing)])
