"""Which epoch's network an evaluation keeps, by images set aside from the training set."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.errors import ConfigError
from fdd_lightning.metrics import ON_REQUEST, EvaluationMetric, metric_classes
from fdd_lightning.utils.checks import require


class BestEpoch(Choice):
    """Keeps the network of the epoch that is best on validation images, which are no test images.

    Of equally good epochs the latest is kept. Where the metric does not exist on the validation images, as that of the
    worst group without group labels, plain accuracy takes its place.

    Args:
        metric: What is compared: a metric of the rows by its name, or any by class path.
        looks: How many epochs are compared, evenly spaced, the last one among them.

    Raises:
        ConfigError: There is no such metric.

    Example:
        >>> BestEpoch("accuracy", looks=2).steps(30, per_epoch=10)
        [20, 30]
    """

    def __init__(self, metric: str = "worst_group_accuracy", looks: int = 20) -> None:
        require({"looks": looks}, least=1)
        own = [metric] if "." in metric else []
        known = {each.name: each for each in (*metric_classes(), *ON_REQUEST)}
        found = metric_classes(own)[-1] if own else known.get(metric)
        if found is None:
            raise ConfigError(f"there is no metric {metric!r}: take one of {', '.join(known)}, or name a class path")
        if found.higher_is_better is None:
            raise ConfigError(f"metric {metric} does not say whether higher is better: take another one")
        if found.by_crowd:
            raise ConfigError(f"metric {metric} needs a vote over the test images: take accuracy")
        self.metric = found
        self.looks = looks

    @property
    def metrics(self) -> list[type[EvaluationMetric]]:
        """The metrics that it needs: its own, and the one that takes its place."""
        return list(dict.fromkeys([self.metric, metric_classes()[0]]))

    @property
    def reads_groups(self) -> bool:
        """Whether it reads the group labels of the validation images, where there are any."""
        return self.metric.needs_groups or self.metric.needs_aligned

    def steps(self, total: int, per_epoch: int) -> list[int]:
        """Return the steps after which to look, at ends of epochs as far as there are any.

        Args:
            total: Steps of the whole training.
            per_epoch: Steps of an epoch.
        """
        epochs = math.ceil(total / per_epoch)
        ends = {math.ceil(epochs * look / self.looks) for look in range(1, self.looks + 1)}
        return sorted(min(total, per_epoch * end) for end in ends)

    def score(self, figures: Mapping[str, Tensor]) -> float:
        """Return how good a network is by its figures; higher is better."""
        for metric in self.metrics:
            figure = figures.get(metric.name)
            if figure is not None and not bool(figure.isnan()):
                return float(figure) if metric.higher_is_better else -float(figure)
        return -math.inf
