"""Accuracy and bias from one table of counts: (group, class, prediction).

All of them are fractions. A *cell* is the set of test images with one class and one group; an empty cell is left out
of every figure, and a figure that nothing is left for is ``nan``. DEO_M and DEO_A follow FairDD (Zhou et al., NeurIPS
2025), except that FairDD's code gives an empty cell the rate 0, which inflates the gap. Of a user's own images, cells
that are too small to be judged one by one are left out of the extremes: DEO_M, DEO_A and the worst cell.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.functional.classification import binary_auroc

from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError


class GroupCounts(Metric):
    """Base of every metric: counts by (group, class, prediction), added up over batches and processes.

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

    name: ClassVar[str] = ""
    """What rows of the results call it."""
    heading: ClassVar[str] = ""
    """What the tables of a report call it; its name if empty."""
    needs_groups: ClassVar[bool] = False
    """Whether it says nothing of data without groups."""
    needs_aligned: ClassVar[bool] = False
    """Whether it says nothing of data without bias-aligned images."""
    by_crowd: ClassVar[bool] = False
    """Whether its groups are the classes that test images look like (see :mod:`fdd_lightning.matching.crowd`)."""

    higher_is_better: bool | None = True
    full_state_update: bool = False
    is_differentiable: bool = False
    counts: Tensor
    aligned: Tensor

    def __init__(
        self, num_classes: int, num_groups: int, aligned: Tensor | None = None, least: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        sizes = (num_classes, num_groups)
        if aligned is not None and tuple(aligned.shape) != sizes:
            raise ConfigError(f"aligned has shape {tuple(aligned.shape)}: give one of (classes, groups) = {sizes}")
        self.register_buffer("aligned", None if aligned is None else aligned.bool(), persistent=False)
        self.num_classes = num_classes
        self.num_groups = num_groups
        self.least = least
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
        return self.cell_count() >= max(1, self.least)

    def gaps(self) -> Tensor:
        """Return the largest minus the smallest accuracy over groups, of each class with at least two judged cells."""
        rates, judged = self.cell_accuracy(), self.judged()
        gaps = rates.masked_fill(~judged, -1.0).amax(1) - rates.masked_fill(~judged, 2.0).amin(1)
        return gaps[judged.sum(1) >= 2]

    def accuracy_within(self, cells: Tensor) -> Tensor:
        """Return the accuracy within chosen cells, bool (num_classes, num_groups), a float64 scalar."""
        return self.cell_correct()[cells].sum().double() / self.cell_count()[cells].sum()


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


class DEOMax(GroupCounts):
    """FairDD's DEO_M: the largest gap, over classes, between groups' true positive rates.

    Example:
        >>> metric = DEOMax(num_classes=2, num_groups=2)
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(0.5000, dtype=torch.float64)
    """

    name, heading, needs_groups, higher_is_better = "deo_max", "DEO_M", True, False

    def compute(self) -> Tensor:
        """Return the largest gap, a float64 scalar in [0, 1]."""
        gaps = self.gaps()
        return gaps.max() if len(gaps) else gaps.new_tensor(torch.nan)


class DEOMean(GroupCounts):
    """FairDD's DEO_A: the mean gap, over classes, between groups' true positive rates.

    Example:
        >>> metric = DEOMean(num_classes=2, num_groups=2)
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(0.5000, dtype=torch.float64)
    """

    name, heading, needs_groups, higher_is_better = "deo_mean", "DEO_A", True, False

    def compute(self) -> Tensor:
        """Return the mean gap, a float64 scalar in [0, 1]."""
        return self.gaps().mean()


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


class WithCrowdAccuracy(AlignedAccuracy):
    """Share of the test images that look like their own class, as their neighbours vote, that are classified correctly.

    Needs no group labels. None where the vote found nothing.

    Example:
        >>> metric = WithCrowdAccuracy(num_classes=2, num_groups=2, aligned=torch.eye(2))
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(0.5000, dtype=torch.float64)
    """

    name, heading, by_crowd = "with_crowd_accuracy", "with crowd", True


class AgainstCrowdAccuracy(ConflictAccuracy):
    """Share of the test images that look like another class, as their neighbours vote, that are classified correctly.

    Needs no group labels. None where the vote found nothing.

    Example:
        >>> metric = AgainstCrowdAccuracy(num_classes=2, num_groups=2, aligned=torch.eye(2))
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(1., dtype=torch.float64)
    """

    name, heading, by_crowd = "against_crowd_accuracy", "against crowd", True


class CellAccuracy(GroupCounts):
    """The accuracy of every cell; a matrix, so no figure of a row's ``metrics``.

    Example:
        >>> CellAccuracy(num_classes=2, num_groups=1)(torch.tensor([0]), torch.tensor([0]), torch.tensor([0]))
        tensor([[1.],
                [nan]], dtype=torch.float64)
    """

    name = "cell_accuracy"

    def compute(self) -> Tensor:
        """Return the accuracies, float64 (num_classes, num_groups)."""
        return self.cell_accuracy()


class CellCount(GroupCounts):
    """The number of images of every cell; a matrix, so no figure of a row's ``metrics``.

    Example:
        >>> CellCount(num_classes=2, num_groups=1)(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([0, 0]))
        tensor([[2],
                [0]])
    """

    name, higher_is_better = "cell_count", None

    def compute(self) -> Tensor:
        """Return the numbers, int64 (num_classes, num_groups)."""
        return self.cell_count()


def separation(score: Tensor, conflict: Tensor) -> Tensor | None:
    """Return the AUROC by which scores, (n,), tell conflicting images, bool (n,), from the others; None without both.

    Example:
        >>> separation(torch.tensor([0.5, 9.0, 0.1]), torch.tensor([False, True, False]))
        tensor(1.)
    """
    if not 0 < int(conflict.sum()) < len(conflict):
        return None
    # Ranks, because torchmetrics squashes scores outside [0, 1] through a sigmoid.
    rank = score.unique(return_inverse=True)[1].float()
    return binary_auroc(rank / rank.max().clamp(min=1), conflict.long())


BUILT_IN = (Accuracy, BalancedAccuracy, DEOMax, DEOMean, WorstGroupAccuracy, AlignedAccuracy, ConflictAccuracy)
BY_CROWD = (WithCrowdAccuracy, AgainstCrowdAccuracy)
"""Metrics for data without groups, which a user asks for by class path."""
GROUP = "fdd_lightning.metrics"
"""The group of entry points by which other packages add metrics."""


def metric_classes(more: Sequence[str] = ()) -> list[type[GroupCounts]]:
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
    least: int = 1,
) -> MetricCollection:
    """Return the metrics that exist for a data set, by name; they share one table of counts.

    The metrics' arguments are those of :class:`GroupCounts`. Without classes they are the metrics of every row.
    """
    existing = {
        metric.name: metric(num_classes, num_groups, aligned, least=least)
        for metric in (metric_classes() if classes is None else classes)
        if (num_groups > 1 or not metric.needs_groups) and (aligned is not None or not metric.needs_aligned)
    }
    return MetricCollection(dict(existing), compute_groups=[list(existing)])
