"""Epochs of real images in which each comes up as often as its weight says: how experts see a weighting."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.systematic_resampling import systematic_draws
from fdd_lightning.matching.weightings import Weighting, WeightMatrix


def several_rows_objection(weighting: Weighting) -> str:
    """Say why images cannot be drawn by a weighting, and what to take instead; empty if it has one row."""
    way = weighting.single_row_alternative()
    return f"experts see one mix of images, not a target per group: {way}" if way else ""


def image_shares(data: ImageSet, num_classes: int, weigh: Callable[[Tensor], WeightMatrix]) -> Tensor:
    """Return the share that each image has in training: that of its class, times its weight within the class.

    Args:
        data: The real images.
        num_classes: Number of classes.
        weigh: Returns the matrix W of the images at some places, all of one class.

    Returns:
        float64 (N,), sums to 1, on the CPU; 1/N for uniform weights.

    Raises:
        ConfigError: W has several rows: images can be drawn by one distribution only.
    """
    shares = torch.zeros(len(data), dtype=torch.float64)
    for target in range(num_classes):
        members = data.members(target)
        if not len(members):
            continue
        rows = weigh(members).rows
        if len(rows) != 1:
            raise ConfigError(
                f"images are drawn by one row of weights, and this weighting has {len(rows)}: for equal groups take "
                "Barycenter"
            )
        shares[members.cpu()] = rows[0].double().cpu() * len(members) / len(data)
    return shares


def order_by_shares(shares: Tensor, generator: torch.Generator) -> Tensor:
    """Return the order of an epoch of N images, int64 (N,): image i comes up N * share_i times, rounded up or down.

    With equal shares, float64 (N,), it is a permutation, as plain training has it.

    Example:
        >>> shares = torch.tensor([0.5, 0.25, 0.25, 0.0], dtype=torch.float64)
        >>> order_by_shares(shares, torch.Generator()).sort().values
        tensor([0, 0, 1, 2])
    """
    drawn = systematic_draws(shares, len(shares), generator)
    return drawn[torch.randperm(len(shares), generator=generator)]
