"""No correction: match the mean of the batch."""

from __future__ import annotations

import torch

from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.weightings.base import Weighting, WeightMatrix, single_row


class Vanilla(Weighting):
    """Uniform weights, as every method was published; the majority group dominates the mean.

    Example:
        >>> Vanilla()(Evidence(size=4)).rows
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]], dtype=torch.float64)
    """

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return one row of 1/n."""
        return single_row(torch.full((evidence.size,), 1.0 / evidence.size, dtype=torch.float64))
