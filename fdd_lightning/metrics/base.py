"""What every metric of an evaluation is."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torchmetrics import Metric


class EvaluationMetric(Metric):
    """Base of every metric: what it is called, and on which data it says something.

    It is made as :class:`GroupCounts` is, and sees every batch as ``update(predictions, targets, groups)`` has it. One
    that reads probabilities as well takes them as a fourth argument of that name: float (N, classes), a row for each
    image. Metrics that follow from who was taken for what derive from :class:`GroupCounts`, which share one table.

    Args:
        num_classes: Number of classes.
        num_groups: Number of groups.
        aligned: bool (num_classes, num_groups): which cells are bias-aligned; None: that means nothing here.
        least: Images of a cell from which on it is judged by itself.
        **kwargs: Passed to ``torchmetrics.Metric``.

    Example:
        >>> from fdd_lightning.metrics import Accuracy
        >>> issubclass(Accuracy, EvaluationMetric), Accuracy.needs_groups
        (True, False)
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

    def __init__(
        self, num_classes: int, num_groups: int, aligned: Tensor | None = None, least: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.num_groups = num_groups
        self.least = least
