"""Gaps between groups: FairDD's, and those of demographic parity and equalised odds."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.metrics.counts import GroupCounts, gaps_over_groups


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
        return _largest(self.gaps())


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


class DemographicParity(GroupCounts):
    """The largest gap, over classes, between the shares of each group's images that are taken for the class.

    Denis et al. (JMLR 2024) measure unfairness so for several classes; for two it is Fairlearn's demographic parity
    difference. The labels are not looked at: where groups differ in how often they have a class, a network that is
    always right has a gap as well.

    Example:
        >>> metric = DemographicParity(num_classes=2, num_groups=2)
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(0.5000, dtype=torch.float64)
    """

    name, heading, needs_groups, higher_is_better = "demographic_parity", "DP", True, False

    def compute(self) -> Tensor:
        """Return the largest gap, a float64 scalar in [0, 1]."""
        images = self.counts.sum((1, 2))
        gaps = gaps_over_groups(self.predicted().double() / images, self.enough(images).expand(self.num_classes, -1))
        return _largest(gaps)


class EqualisedOdds(GroupCounts):
    """The largest gap, over classes, between groups' true positive rates or between their false positive rates.

    A class's false positives are the images of other classes that are taken for it. For two classes it is Fairlearn's
    equalized odds difference.

    Example:
        >>> metric = EqualisedOdds(num_classes=2, num_groups=2)
        >>> metric(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(1., dtype=torch.float64)
    """

    name, heading, needs_groups, higher_is_better = "equalised_odds", "EO", True, False

    def compute(self) -> Tensor:
        """Return the largest gap, a float64 scalar in [0, 1]."""
        return _largest(torch.cat([self.gaps(), self.false_positive_gaps()]))


class AverageOdds(GroupCounts):
    """The mean, over classes, of the gaps between groups' true positive rates and between their false positive rates.

    Equalised odds of a typical class, where :class:`EqualisedOdds` is the worst one's; AIF360's average absolute odds
    difference for two classes and two groups.

    Example:
        >>> metric = AverageOdds(num_classes=2, num_groups=2)
        >>> metric(torch.tensor([0, 1, 0, 1, 1]), torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 0, 1, 0, 1]))
        tensor(0.2500, dtype=torch.float64)
    """

    name, heading, needs_groups, higher_is_better = "average_odds", "AO", True, False

    def compute(self) -> Tensor:
        """Return the mean gap, a float64 scalar in [0, 1]."""
        return torch.cat([self.gaps(), self.false_positive_gaps()]).mean()


def _largest(gaps: Tensor) -> Tensor:
    """Return the largest of some gaps that is not ``nan``; ``nan`` if none is."""
    gaps = gaps[~gaps.isnan()]
    return gaps.max() if len(gaps) else gaps.new_tensor(torch.nan)
