"""Supervised contrast, plain and generalised (GSC).

For embeddings z, temperature tau and the contrast set K:

    p_ij = exp(z_i . z_j / tau) / sum_{k in K, k != i} exp(z_i . z_k / tau)
    L_i  = -1/|P(i)| sum_{j in P(i)} f_ij log p_ij,     P(i) = {j in K: same label, j != i}

with f_ij = 1 for SupCon (Khosla et al., NeurIPS 2020) and f_ij = stop_gradient(q p_ij^q) for GSC (Hwang et al.,
*SelecMix*, NeurIPS 2022), which favours pairs that are already close: what is easiest to learn. The loss is the mean of
L_i over the anchors; an anchor without positives contributes 0 and counts. One view of each image.
"""

from __future__ import annotations

import torch
from torch import Tensor


def supcon_loss(
    z: Tensor,
    targets: Tensor,
    temperature: float = 0.2,
    contrast: Tensor | None = None,
    contrast_targets: Tensor | None = None,
    offset: int = 0,
) -> Tensor:
    """Return the supervised contrastive loss, a scalar; the arguments are those of :func:`gsc_loss`."""
    log_p, positive = _log_probabilities(z, targets, temperature, contrast, contrast_targets, offset)
    return _mean(log_p, positive)


def gsc_loss(
    z: Tensor,
    targets: Tensor,
    temperature: float = 0.2,
    q: float = 0.7,
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
        q: Exponent of the factor, positive.
        contrast: Embeddings (m, d) that the anchors are compared with; the anchors themselves unless given.
        contrast_targets: Their labels (m,); goes with ``contrast``.
        offset: Place of the first anchor in ``contrast``: anchor i is row ``offset + i`` of it.

    Raises:
        ValueError: One of ``contrast`` and ``contrast_targets`` is missing, or the anchors do not lie in ``contrast``.
    """
    log_p, positive = _log_probabilities(z, targets, temperature, contrast, contrast_targets, offset)
    return _mean((q * (q * log_p).exp()).detach() * log_p, positive)


def _log_probabilities(
    z: Tensor,
    targets: Tensor,
    temperature: float,
    contrast: Tensor | None,
    contrast_targets: Tensor | None,
    offset: int,
) -> tuple[Tensor, Tensor]:
    """Return log p_ij and whether j is a positive of i, both (n, m); log p_ii is a very small number."""
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
    return log_p, (targets[:, None] == contrast_targets) & ~itself


def _mean(terms: Tensor, positive: Tensor) -> Tensor:
    """Return minus the mean over anchors of each one's mean term over its positives."""
    return -(terms.masked_fill(~positive, 0.0).sum(1) / positive.sum(1).clamp(min=1)).mean()
