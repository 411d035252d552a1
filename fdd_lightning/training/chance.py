"""Whether a network has learned anything: its hits among its own training images, against chance."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from fdd_lightning.utils.rng import generator

LOOKED_AT = 2000
"""Training images that are looked at, at most."""


def some_places(size: int) -> Tensor:
    """Return the places of those of some training images that are looked at, int64."""
    return torch.randperm(size, generator=generator(0, "looked at"))[:LOOKED_AT].sort().values


def is_at_chance(hits: int, targets: Tensor) -> bool:
    """Tell whether so many hits are no more than naming the largest class has, but for a standard error.

    Example:
        >>> targets = torch.arange(10).repeat(10)
        >>> is_at_chance(12, targets), is_at_chance(20, targets), is_at_chance(5, torch.zeros(5, dtype=torch.long))
        (True, False, False)
    """
    counts = targets.bincount()
    if int((counts > 0).sum()) < 2:
        return False
    share, size = float(counts.max()) / len(targets), len(targets)
    return hits <= share * size + math.sqrt(share * (1 - share) * size)


@torch.no_grad()
def learned_nothing(predict: Callable[[Tensor], tuple[Tensor, Tensor]], size: int) -> bool:
    """Tell whether a network is at chance on its own training images.

    Args:
        predict: Returns the logits of the training images at some places, and their labels.
        size: How many training images there are.
    """
    hits, seen = 0, []
    for part in some_places(size).split(512):
        logits, targets = predict(part)
        hits += int((logits.argmax(1) == targets).sum())
        seen.append(targets.cpu())
    return is_at_chance(hits, torch.cat(seen))
