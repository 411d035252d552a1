"""Systematic resampling: draws in proportion to weights, with the smallest spread there is."""

from __future__ import annotations

import torch
from torch import Tensor


def systematic_draws(weights: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return draws in which image i comes up ``count`` times its weight, rounded up or down; in no particular order.

    One uniform number over a random order of the images: the mean is exact, and the spread as small as it can be.
    Weights are float64 (n,), sum to 1, on the CPU; draws are int64 (count,), places of images.

    Example:
        >>> systematic_draws(torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64), 4, torch.Generator()).sort().values
        tensor([0, 0, 1, 1])
    """
    order = torch.randperm(len(weights), generator=generator)
    reached = (weights[order] * count).cumsum(0)
    whole = reached.round()
    # Rounding must not turn a weight of exactly 1/n into no image here and two there.
    reached = torch.where((reached - whole).abs() < 1e-6, whole, reached)
    reached[-1] = count
    upto = (reached + torch.rand(1, generator=generator, dtype=torch.float64)).floor().long()
    times = upto.diff(prepend=torch.zeros(1, dtype=torch.long))
    return order.repeat_interleave(times)
