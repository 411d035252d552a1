"""Accuracy: of all images, of cells alike, of the worst cell, of what goes with the bias and against it."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.metrics.counts import GroupCounts


class Accuracy(GroupCounts):
    """Share of all images that are classified correctly.

    Example:
        >>> metric = Accuracy(num_classes=2, num_groups=1)
        >>> metric(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([0, 0]))
        tensor(0.5000, dtype=torch.float64)
    """

    name = heading = "accuracy"

    def compute(self) -> Tensor:
        """Return the accuracy, a float64 scalar in [0, 1]."""
        return self.cell_correct().sum().double() / self.counts.sum()


class BalancedAccuracy(GroupCounts):
    """Mean accuracy over the cells that have images, so that a majority in the test set counts no more than the rest.

    Example:
        >>> metric = BalancedAccuracy(num_classes=2, num_groups=2)
        >>> metric(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]))
        tensor(0.5000, dtype=torch.float64)
    """

    name, heading, needs_groups = "balanced_accuracy", "balanced", True

    def compute(self) -> Tensor:
        """Return the mean accuracy, a float64 scalar in [0, 1]."""
        return self.cell_accuracy()[self.cell_count() > 0].mean()


class WorstGroupAccuracy(GroupCounts):
    """The lowest accuracy of any judged cell; none where no class has two, as nothing is compared then.

    Example:
        >>> metric = WorstGroupAccuracy(num_classes=2, num_groups=2)
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(0.5000, dtype=torch.float64)
    """

    name, heading, needs_groups = "worst_group_accuracy", "worst", True

    def compute(self) -> Tensor:
        """Return the lowest accuracy, a float64 scalar in [0, 1]."""
        rates = self.cell_accuracy()[self.judged()]
        return rates.min() if len(self.gaps()) else rates.new_tensor(torch.nan)


class AlignedAccuracy(GroupCounts):
    """Share of the bias-aligned images that are classified correctly.

    Example:
        >>> metric = AlignedAccuracy(num_classes=2, num_groups=2, aligned=torch.eye(2))
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(0.5000, dtype=torch.float64)
    """

    name, heading, needs_aligned = "aligned_accuracy", "aligned", True

    def compute(self) -> Tensor:
        """Return the accuracy, a float64 scalar in [0, 1]."""
        return self.accuracy_within(self.aligned)


class ConflictAccuracy(GroupCounts):
    """Share of the bias-conflicting images that are classified correctly.

    Example:
        >>> metric = ConflictAccuracy(num_classes=2, num_groups=2, aligned=torch.eye(2))
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(1., dtype=torch.float64)
    """

    name, heading, needs_aligned = "conflict_accuracy", "conflict", True

    def compute(self) -> Tensor:
        """Return the accuracy, a float64 scalar in [0, 1]."""
        return self.accuracy_within(~self.aligned)
