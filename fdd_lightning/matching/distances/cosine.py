"""The layer-wise cosine distance."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.matching.distances.base import Distance
from fdd_lightning.matching.signals.base import Layers


class LayerCosine(Distance):
    """One minus the cosine of every output row of every layer, summed (DC: Zhao et al., ICLR 2021).

    A convolution's weight is read as (out, in x k x k), a linear weight as (out, in); layers of one dimension (biases)
    count nothing, as in the reference (metric "ours").

    Args:
        eps: Added to the product of the norms.
    """

    def __init__(self, eps: float = 1e-6) -> None:
        self.eps = eps

    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the summed distance of each target, (T,)."""
        total = targets[0].new_zeros(len(targets[0]))
        for many, one in zip(targets, synthetic, strict=True):
            if one.ndim < 2:
                continue
            t, s = many.flatten(2), one.flatten(1)
            norms = torch.linalg.vector_norm(t, dim=2) * torch.linalg.vector_norm(s, dim=1)
            total = total + (1 - (t * s).sum(2) / (norms + self.eps)).sum(1)
        return total
