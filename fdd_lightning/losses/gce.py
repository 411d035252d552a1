"""Generalised cross-entropy: what a network that is meant to learn the bias is trained with."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy


def gce_loss(logits: Tensor, targets: Tensor, q: float = 0.7) -> Tensor:
    """Return each image's cross-entropy times ``stop_gradient(q p^q)``, p being the probability of its class.

    Its gradient is q times that of the generalised cross-entropy (1 - p^q) / q (Zhang and Sabuncu, NeurIPS 2018):
    images that are easy already count more. In this form LfF (Nam et al., NeurIPS 2020, ``module/loss.py`` of its code)
    and all that builds on it use it.

    Args:
        logits: (n, num_classes).
        targets: int64 (n,).
        q: Exponent, positive.

    Returns:
        (n,), not averaged.
    """
    losses = cross_entropy(logits, targets, reduction="none")
    return losses * (q * (-q * losses).exp()).detach()  # the cross-entropy is -log p
