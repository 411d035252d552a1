"""The squared Euclidean distance."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.matching.distances.base import Distance
from fdd_lightning.matching.signals.base import Layers


class Squared(Distance):
    """Sum of squared differences over all entries of all layers (DM: summed over features, not averaged)."""

    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the summed squared difference of each target, (T,)."""
        pairs = zip(targets, synthetic, strict=True)
        return torch.stack([(t - s).flatten(1).square().sum(1) for t, s in pairs]).sum(0)
