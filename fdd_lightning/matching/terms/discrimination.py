"""CAFE's discrimination term."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.matching.terms.base import Matched, Term


class Discrimination(Term):
    """Real features must be classified by the synthetic class means (CAFE; Wang et al., CVPR 2022).

    The logits of a real image are the products of its last feature with each class's mean synthetic feature; their
    cross-entropy is summed over the batch. Under a weighting, image i of a class of n counts n times the mean of W's
    column i, so that uniform weights give the published sum.

    Args:
        scale: Factor of the term.
    """

    def __init__(self, scale: float = 0.01) -> None:
        self.scale = scale

    def __call__(self, matched: Matched) -> Tensor:
        """Return the weighted sum of cross-entropies, scaled."""
        means = torch.stack([matched.network.embed(batch.images).mean(0) for batch in matched.synthetic])
        total = means.new_zeros(())
        for place, (batch, weights, size) in enumerate(zip(matched.real, matched.weights, matched.sizes, strict=True)):
            with torch.no_grad():
                features = matched.network.embed(batch.images)
            labels = torch.full((len(features),), place, device=features.device)
            losses = cross_entropy(features @ means.T, labels, reduction="none")
            total = total + size * (weights.rows.to(losses).mean(0) @ losses)
        return self.scale * matched.world * total
