"""IDM's class-aware term."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.matching.terms.base import Matched, Term


class ClassAware(Term):
    """The surrogate's cross-entropy on the synthetic images, times its training accuracy in percent (IDM).

    Args:
        scale: Factor beside the accuracy (published: 0.5 for IPC 1 and 10, 0.1 for IPC 50, on CIFAR-10).
    """

    def __init__(self, scale: float = 0.5) -> None:
        self.scale = scale

    def __call__(self, matched: Matched) -> Tensor:
        """Return the sum over classes of the mean cross-entropy, scaled."""
        total = []
        for batch in matched.synthetic:
            labels = torch.full((len(batch.images),), batch.label, device=batch.images.device)
            total.append(cross_entropy(matched.network(batch.images), labels))
        return self.scale * matched.accuracy * torch.stack(total).sum()
