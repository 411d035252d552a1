"""Losses of networks that learn on real data: generalised cross-entropy, supervised contrast, plain and generalised.

Supervised contrast, for embeddings z, temperature tau and the contrast set K::

    p_ij = exp(z_i . z_j / tau) / sum_{k in K, k != i} exp(z_i . z_k / tau)
    L_i  = -1/|P(i)| sum_{j in P(i)} f_ij log p_ij,     P(i) = {j in K: same label, j != i}

with f_ij = 1 for SupCon (Khosla et al., NeurIPS 2020) and f_ij = stop_gradient(q p_ij^q) for GSC (Hwang et al.,
*SelecMix*, NeurIPS 2022), which favours pairs that are already close: what is easiest to learn. The loss is the mean of
L_i over the anchors; an anchor without positives contributes 0 and counts. One view of each image.
"""

from __future__ import annotations

from typing import Any

import torch
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


def supcon_loss(z: Tensor, targets: Tensor, temperature: float = 0.2, **contrast: Any) -> Tensor:
    """Return the supervised contrastive loss, a scalar: :func:`gsc_loss` without its factor."""
    return gsc_loss(z, targets, temperature, None, **contrast)


def gsc_loss(
    z: Tensor,
    targets: Tensor,
    temperature: float = 0.2,
    q: float | None = 0.7,
    contrast: Tensor | None = None,
    contrast_targets: Tensor | None = None,
    offset: int = 0,
) -> Tensor:
    """Return the generalised supervised contrastive loss, a scalar (see the module).

    The mean over processes of the losses of their anchors, each against the gathered embeddings, is the loss of the
    union, provided that they have equally many.

    Args:
        z: The anchors' embeddings (n, d), of length 1.
        targets: Their labels (n,).
        temperature: tau, positive.
        q: Exponent of the factor, positive; None: no factor, which is SupCon.
        contrast: Embeddings (m, d) that the anchors are compared with; the anchors themselves unless given.
        contrast_targets: Their labels (m,); goes with ``contrast``.
        offset: Place of the first anchor in ``contrast``: anchor i is row ``offset + i`` of it.

    Raises:
        ValueError: One of ``contrast`` and ``contrast_targets`` is missing, or the anchors do not lie in ``contrast``.
    """
    if (contrast is None) != (contrast_targets is None):
        raise ValueError("contrast and contrast_targets go together: give both or neither")
    if contrast is None or contrast_targets is None:
        contrast, contrast_targets = z, targets
    if not 0 <= offset <= len(contrast) - len(z):
        raise ValueError(f"{len(z)} anchors from row {offset} on do not lie in a contrast set of {len(contrast)}")
    place = torch.arange(len(z), device=z.device) + offset
    itself = place[:, None] == torch.arange(len(contrast), device=z.device)
    logits = z @ contrast.T / temperature
    # The lowest finite number, not minus infinity: a lone anchor has no one else, and 0 times infinity is not a number.
    log_p = logits.masked_fill(itself, torch.finfo(logits.dtype).min).log_softmax(1)
    positive = (targets[:, None] == contrast_targets) & ~itself
    terms = log_p if q is None else (q * (q * log_p).exp()).detach() * log_p
    return -(terms.masked_fill(~positive, 0.0).sum(1) / positive.sum(1).clamp(min=1)).mean()
