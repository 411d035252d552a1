"""FairDD (Zhou et al., NeurIPS 2025): match every protected-attribute group's own mean."""

from __future__ import annotations

from typing import Literal

from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.groupings import Grouping, Labels
from fdd_lightning.matching.weightings.base import Weighting, WeightMatrix, group_rows, per_group


class FairDD(Weighting):
    """One target per group present in the batch; an absent group is skipped in that step.

    With the squared distance its gradient is (number of groups) times that of ``Barycenter``, so give it the
    smaller step of the two.

    Args:
        reduction: ``sum`` of the groups' distances, as published, or their ``mean`` (coefficient 1 / groups present).
        groups: Where the groups come from: their labels, or, without labels, clusters of the bias encoder's embeddings.

    Example:
        >>> import torch
        >>> FairDD()(Evidence(size=4, groups=torch.tensor([0, 0, 0, 1]), num_groups=2)).rows
        tensor([[0.3333, 0.3333, 0.3333, 0.0000],
                [0.0000, 0.0000, 0.0000, 1.0000]], dtype=torch.float64)
    """

    one_row_advice = "take barycenter, which makes groups come up equally"

    def __init__(self, reduction: Literal["sum", "mean"] = "sum", groups: Grouping = Labels()) -> None:
        self.reduction = reduction
        self.groups = groups
        self.adopt_needs(groups)

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return a row per group present, uniform over its images."""
        return per_group(group_rows(self.groups(evidence)), self.reduction)
