"""Metrics of accuracy and of bias, as ``torchmetrics`` classes, and the list of them."""

from fdd_lightning.metrics.group import (
    Accuracy,
    AlignedAccuracy,
    CellAccuracy,
    CellCount,
    ConflictAccuracy,
    DEOMax,
    DEOMean,
    GroupCounts,
    WorstGroupAccuracy,
    group_metrics,
    metric_classes,
)

__all__ = [
    "Accuracy",
    "AlignedAccuracy",
    "CellAccuracy",
    "CellCount",
    "ConflictAccuracy",
    "DEOMax",
    "DEOMean",
    "GroupCounts",
    "WorstGroupAccuracy",
    "group_metrics",
    "metric_classes",
]
