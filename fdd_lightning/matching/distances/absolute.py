"""The summed absolute difference."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.matching.distances.base import Distance
from fdd_lightning.matching.signals.base import Layers


class Absolute(Distance):
    """Sum of absolute differences over all entries of all layers (IDC on MNIST and Fashion-MNIST)."""

    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the summed absolute difference of each target, (T,)."""
        pairs = zip(targets, synthetic, strict=True)
        return torch.stack([(t - s).flatten(1).abs().sum(1) for t, s in pairs]).sum(0)
