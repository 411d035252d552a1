"""The mean of the group means as a single target."""

from __future__ import annotations

from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.groupings import Grouping, Labels
from fdd_lightning.matching.weightings.base import Weighting, WeightMatrix, group_rows, single_row


class Barycenter(Weighting):
    """The average of FairDD's rows: one target in which every group present weighs the same.

    This is the target of COBRA; its recipe differs in more than the target.

    Args:
        groups: Where the groups come from.

    Example:
        >>> import torch
        >>> Barycenter()(Evidence(size=4, groups=torch.tensor([0, 0, 0, 1]), num_groups=2)).rows
        tensor([[0.1667, 0.1667, 0.1667, 0.5000]], dtype=torch.float64)
    """

    def __init__(self, groups: Grouping = Labels()) -> None:
        self.groups = groups
        self.adopt_needs(groups)

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return one row: each image weighs 1 / (groups present x images of its group)."""
        return single_row(group_rows(self.groups(evidence)).mean(0))
