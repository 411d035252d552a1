"""The table of counts, (group, class, prediction), that most metrics follow from."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.metrics.base import EvaluationMetric


class GroupCounts(EvaluationMetric):
    """Base of most metrics: counts by (group, class, prediction), added up over batches and processes.

    A subclass says its :attr:`name` and overrides :meth:`compute`; metrics of one network share one table of counts.
    Batches may lack any group or class.

    Args:
        num_classes: Number of classes.
        num_groups: Number of groups.
        aligned: bool (num_classes, num_groups): which cells are bias-aligned; None: that means nothing here.
        least: Images of a cell from which on its accuracy counts by itself, in gaps and as the worst.
        **kwargs: Passed to ``torchmetrics.Metric``.

    Attributes:
        counts: int64 (num_groups, num_classes, num_classes): images of a group and a class that got a prediction.

    Raises:
        ConfigError: ``aligned`` has another shape.

    Example:
        >>> class Errors(GroupCounts):
        ...     name = "errors"
        ...     def compute(self) -> Tensor:
        ...         return self.cell_count().sum() - self.cell_correct().sum()
        >>> errors = Errors(num_classes=2, num_groups=1)
        >>> errors.update(torch.tensor([0, 1]), torch.tensor([1, 1]), torch.tensor([0, 0]))
        >>> int(errors.compute())
        1
    """

    counts: Tensor
    aligned: Tensor

    def __init__(
        self, num_classes: int, num_groups: int, aligned: Tensor | None = None, least: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, num_groups, aligned, least, **kwargs)
        sizes = (num_classes, num_groups)
        if aligned is not None and tuple(aligned.shape) != sizes:
            raise ConfigError(f"aligned has shape {tuple(aligned.shape)}: give one of (classes, groups) = {sizes}")
        self.register_buffer("aligned", None if aligned is None else aligned.bool(), persistent=False)
        shape = (num_groups, num_classes, num_classes)
        self.add_state("counts", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, targets: Tensor, groups: Tensor) -> None:
        """Count a batch.

        Args:
            predictions: Predicted classes, int64 (N,).
            targets: True classes, int64 (N,).
            groups: Groups, int64 (N,).

        Raises:
            ConfigError: A number lies outside its range; it would be counted in another cell.
        """
        for name, values, size in (
            ("prediction", predictions, self.num_classes),
            ("target", targets, self.num_classes),
            ("group", groups, self.num_groups),
        ):
            if len(values) and not 0 <= int(values.min()) <= int(values.max()) < size:
                raise ConfigError(
                    f"metrics got {name}s in {int(values.min())}..{int(values.max())}, but only 0..{size - 1} exist: "
                    "check the numbers of classes and groups of the data"
                )
        cell = (groups * self.num_classes + targets) * self.num_classes + predictions
        self.counts += torch.bincount(cell, minlength=self.counts.numel()).view_as(self.counts)

    @abstractmethod
    def compute(self) -> Tensor:
        """Return the figure from the counts."""

    def cell_count(self) -> Tensor:
        """Return the number of images of each cell, int64 (num_classes, num_groups)."""
        return self.counts.sum(2).T

    def cell_correct(self) -> Tensor:
        """Return the number of correctly classified images of each cell, int64 (num_classes, num_groups)."""
        return self.counts.diagonal(dim1=1, dim2=2).T

    def cell_accuracy(self) -> Tensor:
        """Return the accuracy of each cell, float64 (num_classes, num_groups), ``nan`` where it is empty."""
        return self.cell_correct().double() / self.cell_count()

    def judged(self) -> Tensor:
        """Return which cells have images enough to be judged one by one, bool (num_classes, num_groups)."""
        return self.enough(self.cell_count())

    def enough(self, counts: Tensor) -> Tensor:
        """Return where there are images enough for a rate that is judged by itself, as a mask."""
        return counts >= max(1, self.least)

    def gaps(self) -> Tensor:
        """Return the largest minus the smallest accuracy over groups, of each class with at least two judged cells."""
        gaps = gaps_over_groups(self.cell_accuracy(), self.judged())
        return gaps[~gaps.isnan()]

    def predicted(self) -> Tensor:
        """Return the number of images of each group that are taken for each class, int64 (num_classes, num_groups)."""
        return self.counts.sum(1).T

    def false_positive_gaps(self) -> Tensor:
        """Return the largest minus the smallest false positive rate over groups, of each class with two judged ones.

        A group's rate is that of its images of other classes; it is judged if these are enough.
        """
        others = self.counts.sum((1, 2)) - self.cell_count()
        gaps = gaps_over_groups((self.predicted() - self.cell_correct()).double() / others, self.enough(others))
        return gaps[~gaps.isnan()]

    def accuracy_within(self, cells: Tensor) -> Tensor:
        """Return the accuracy within chosen cells, bool (num_classes, num_groups), a float64 scalar."""
        return self.cell_correct()[cells].sum().double() / self.cell_count()[cells].sum()


def gaps_over_groups(rates: Tensor, judged: Tensor) -> Tensor:
    """Return the largest minus the smallest of each row's judged rates; ``nan`` where fewer than two are.

    Args:
        rates: Fractions, float64 (n, groups).
        judged: bool (n, groups): the rates that count.

    Example:
        >>> gaps_over_groups(torch.tensor([[0.25, 1.0], [0.5, 0.0]]), torch.tensor([[True, True], [True, False]]))
        tensor([0.7500,    nan])
    """
    gaps = rates.masked_fill(~judged, -1.0).amax(1) - rates.masked_fill(~judged, 2.0).amin(1)
    return gaps.masked_fill(judged.sum(1) < 2, torch.nan)
