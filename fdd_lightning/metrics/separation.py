"""How well scores tell conflicting images from the others."""

from __future__ import annotations

from torch import Tensor
from torchmetrics.functional.classification import binary_auroc


def separation(score: Tensor, conflict: Tensor) -> Tensor | None:
    """Return the AUROC by which scores, (n,), tell conflicting images, bool (n,), from the others; None without both.

    Example:
        >>> import torch
        >>> separation(torch.tensor([0.5, 9.0, 0.1]), torch.tensor([False, True, False]))
        tensor(1.)
    """
    if not 0 < int(conflict.sum()) < len(conflict):
        return None
    # Ranks, because torchmetrics squashes scores outside [0, 1] through a sigmoid.
    rank = score.unique(return_inverse=True)[1].float()
    return binary_auroc(rank / rank.max().clamp(min=1), conflict.long())
