"""KDE inside each group: groups weigh as in FairDD, and what is rare within a group weighs more."""

from __future__ import annotations

from typing import Literal

import torch

from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.groupings import Grouping, Labels
from fdd_lightning.matching.weightings.base import Weighting, WeightMatrix, memberships, per_group, single_row
from fdd_lightning.matching.weightings.kde import KDE


class GroupKDE(Weighting):
    """FairDD and KDE combined: a target for each group, weighted inside it by inverse density under its own images.

    For data with a labelled bias and another that nobody labelled. The combination is ours; neither paper has it.

    Args:
        reduction: ``sum`` of the groups' distances, as in FairDD, their ``mean``, or ``barycenter``: the average of the
            rows as the only target.
        density: How images weigh inside a group.
        groups: Where the groups come from.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> GroupKDE()(Evidence(size=4, groups=torch.tensor([0, 0, 0, 1]), num_groups=2, embeddings=z)).rows
        tensor([[0.2500, 0.2500, 0.5000, 0.0000],
                [0.0000, 0.0000, 0.0000, 1.0000]], dtype=torch.float64)
    """

    name = "group_kde"
    needs_embeddings = True
    one_row_advice = "set weighting.reduction to barycenter"

    def __init__(
        self,
        reduction: Literal["sum", "mean", "barycenter"] = "sum",
        density: KDE = KDE(),
        groups: Grouping = Labels(),
    ) -> None:
        self.reduction = reduction
        self.density = density
        self.groups = groups
        self.adopt_needs(groups)

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return a row per group present, or their average."""
        embeddings = evidence.embeddings_for(self)
        member = memberships(self.groups(evidence))
        rows = torch.zeros(member.shape, dtype=torch.float64, device=member.device)
        for row, of_group in zip(rows, member, strict=True):
            row[of_group] = self.density.weights(embeddings[of_group])
        return single_row(rows.mean(0)) if self.reduction == "barycenter" else per_group(rows, self.reduction)
