"""Accuracy, bias and calibration of a network on the test images; plain torchmetrics.

All of them are fractions. A *cell* is the set of test images with one class and one group; an empty cell is left out
of every figure, and a figure that nothing is left for is ``nan``. DEO_M and DEO_A follow FairDD (Zhou et al., NeurIPS
2025), except that FairDD's code gives an empty cell the rate 0, which inflates the gap. Of a user's own images, cells
that are too small to be judged one by one are left out of the extremes and of the gaps. ``docs/metrics.md`` has every
formula.
"""

from fdd_lightning.metrics.accuracy import (
    Accuracy,
    AlignedAccuracy,
    BalancedAccuracy,
    ConflictAccuracy,
    WorstGroupAccuracy,
)
from fdd_lightning.metrics.base import EvaluationMetric
from fdd_lightning.metrics.calibration import CalibrationError
from fdd_lightning.metrics.cells import CellAccuracy, CellCount
from fdd_lightning.metrics.chosen import BUILT_IN, BY_CROWD, ON_REQUEST, group_metrics, metric_classes
from fdd_lightning.metrics.counts import GroupCounts
from fdd_lightning.metrics.crowd import AgainstCrowdAccuracy, WithCrowdAccuracy
from fdd_lightning.metrics.fairness import AverageOdds, DemographicParity, DEOMax, DEOMean, EqualisedOdds
from fdd_lightning.metrics.separation import separation

__all__ = [
    "BUILT_IN",
    "BY_CROWD",
    "ON_REQUEST",
    "Accuracy",
    "AgainstCrowdAccuracy",
    "AlignedAccuracy",
    "AverageOdds",
    "BalancedAccuracy",
    "CalibrationError",
    "CellAccuracy",
    "CellCount",
    "ConflictAccuracy",
    "DEOMax",
    "DEOMean",
    "DemographicParity",
    "EqualisedOdds",
    "EvaluationMetric",
    "GroupCounts",
    "WithCrowdAccuracy",
    "WorstGroupAccuracy",
    "group_metrics",
    "metric_classes",
    "separation",
]
