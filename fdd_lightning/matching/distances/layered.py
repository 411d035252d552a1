"""The squared distance with a factor for each layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.distances.base import Distance
from fdd_lightning.matching.signals.base import Layers


class LayeredSquared(Distance):
    """Summed squared differences, a factor per layer (CAFE).

    CAFE's own factors for the signal ``Maps`` are 0.1, 0.1, 1 for the three blocks' activations and 1 for the last
    block's pooled map; its extra distance between flattened final features is that same map once more, hence the 2.

    Args:
        factors: One per layer of the signal.
    """

    def __init__(self, factors: Sequence[float] = (0.1, 0.1, 1.0, 2.0)) -> None:
        self.factors = tuple(factors)

    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the weighted sum of squared differences of each target, (T,).

        Raises:
            ConfigError: The signal has another number of layers.
        """
        if len(self.factors) != len(targets):
            raise ConfigError(
                f"LayeredSquared has {len(self.factors)} factors, the signal {len(targets)} layers: give one per layer"
            )
        parts = zip(self.factors, targets, synthetic, strict=True)
        return torch.stack([f * (t - s).flatten(1).square().sum(1) for f, t, s in parts]).sum(0)
