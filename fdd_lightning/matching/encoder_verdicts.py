"""Whether a bias encoder's densities can be trusted: two encoders of different seeds weigh images alike, or not.

Nothing here reads group labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fdd_lightning.matching.weightings.kde import KDE

LEAST_CORRELATION = 0.78
"""From which correlation the densities are trusted. Small encoders of the coloured digits and of CMNIST have 0.85 to
0.95 with their bias, 0.55 and 0.72 without; this lies in the middle, and no other set was looked at."""

EVEN_SHARE = 0.99
"""Effective sample size of inverse-density weights, as a share of the class, from which on they weigh all images alike.
Encoders that see a bias have 0.05 to 0.3."""


def is_blind(effective_sample_share: float) -> bool:
    """Tell whether an encoder tells no images of a class apart, so that weights by its densities are uniform."""
    return effective_sample_share >= EVEN_SHARE


def correlation_of_weights(one: Tensor, other: Tensor, targets: Tensor) -> float:
    """Return how two encoders' inverse-density weights correlate within a class, on average over classes; in -1..1.

    Args:
        one: Embeddings by one encoder, (N, d).
        other: Embeddings by the other, (N, e).
        targets: int64 (N,).

    Returns:
        0 for classes in which an encoder tells no images apart.

    Example:
        >>> points = torch.tensor([[0.0], [0.1], [0.0], [9.0]])
        >>> round(correlation_of_weights(points, points + 1.0, torch.zeros(4, dtype=torch.long)), 4)
        1.0
    """
    found = []
    for target in targets.unique():
        members = targets == target
        first, second = (KDE().weights(points[members]) for points in (one, other))
        first, second = first - first.mean(), second - second.mean()
        size = first.norm() * second.norm()
        found.append(first @ second / size if size > 1e-12 else torch.zeros_like(size))
    return float(torch.stack(found).mean())


@dataclass(frozen=True)
class EncoderVerdict:
    """What two encoders of different seeds say, before anything is distilled.

    Attributes:
        correlation: See :func:`correlation_of_weights`.

    Example:
        >>> EncoderVerdict(correlation=0.2).signal
        'doubtful'
    """

    correlation: float

    @property
    def signal(self) -> str:
        """``encoder`` where its densities can be trusted, ``doubtful`` where not."""
        return "encoder" if self.correlation >= LEAST_CORRELATION else "doubtful"

    @property
    def words(self) -> str:
        """The verdict as part of a sentence."""
        found = f"the weights by two encoders of different seeds correlate by {self.correlation:.2f}"
        return found if self.signal == "encoder" else f"{found}, too little: do not trust them, use labels or the vote"
