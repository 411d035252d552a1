"""k-center: real images that cover their class."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.matching.selectors.base import Selector, enough, required
from fdd_lightning.matching.weightings import Vanilla, Weighting, WeightMatrix


class KCenter(Selector):
    """Greedy k-center: each next image is the one farthest from all picked so far (Sener & Savarese, ICLR 2018).

    The first is the one nearest to the mean of the class, which is ours: the paper starts from a given set.
    """

    needs_features = True

    def objection(self, weighting: Weighting) -> str:
        """Refuse all but ``Vanilla``."""
        if isinstance(weighting, Vanilla):
            return ""
        return "it covers a class whatever its images weigh; herding and random follow the weights"

    def select(
        self, weights: WeightMatrix, count: int, generator: torch.Generator, features: Tensor | None = None
    ) -> Tensor:
        """Return ``count`` positions."""
        enough(weights, count)
        points = required(features, self)
        norms = points.square().sum(1)
        chosen = [int((norms - 2.0 * points @ points.mean(0)).argmin())]
        nearest = torch.full_like(norms, torch.inf)
        while len(chosen) < count:
            last = chosen[-1]
            distance = (norms + norms[last] - 2.0 * points @ points[last]).clamp_(min=0.0)
            nearest = torch.minimum(nearest, distance)
            nearest[last] = -1.0  # images that coincide with it may still be picked, it may not
            chosen.append(int(nearest.argmax()))
        return torch.tensor(chosen)
