"""FairDD (Zhou et al., NeurIPS 2025): match every protected-attribute group's own mean."""

from __future__ import annotations

from typing import Literal

import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings.base import Evidence, Weighting, WeightMatrix, group_rows


class FairDD(Weighting):
    """One target per group present in the batch; an absent group is skipped in that step.

    With the squared distance its gradient is (number of groups) times that of ``Barycenter``, so give it the
    smaller step of the two.

    Args:
        reduction: ``sum`` of the groups' distances, as published, or their ``mean`` (coefficient 1 / groups present).
    """

    needs_groups = True

    def __init__(self, reduction: Literal["sum", "mean"] = "sum") -> None:
        self.reduction = reduction

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return a row per group present, uniform over its images."""
        if evidence.groups is None:
            raise ConfigError("FairDD needs the group of every image: use a data set with groups, or weighting KDE")
        rows = group_rows(evidence.groups)
        coefficient = 1.0 if self.reduction == "sum" else 1.0 / len(rows)
        return WeightMatrix(rows, torch.full((len(rows),), coefficient, dtype=rows.dtype, device=rows.device))
