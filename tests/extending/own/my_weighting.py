"""A weighting: groups weigh by the square root of their size."""

import torch

from fdd_lightning.matching.weightings import Evidence, Weighting, WeightMatrix


class SquareRoot(Weighting):
    """Between uniform weights and equal groups.

    Args:
        power: 0 gives equal groups, 1 uniform weights.
    """

    needs_groups = True

    def __init__(self, power: float = 0.5) -> None:
        self.power = power

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return one row."""
        assert evidence.groups is not None
        sizes = torch.bincount(evidence.groups).double()
        weights = (sizes ** (self.power - 1.0))[evidence.groups]
        return WeightMatrix((weights / weights.sum()).unsqueeze(0), torch.ones(1, dtype=torch.float64))
