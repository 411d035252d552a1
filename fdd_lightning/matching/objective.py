"""The one equation, through which every matching method goes.

For class c with real signals s_1..s_n, weight matrix W (T, n) and coefficients a:

    loss_c = sum_t a_t D( stop_gradient(W s)_t , mean_j signal(synthetic_j) )
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fdd_lightning.matching.distances import Distance
from fdd_lightning.matching.signals import ClassBatch, Layers, Signal
from fdd_lightning.matching.weightings import WeightMatrix
from fdd_lightning.networks import Network
from fdd_lightning.utils.devices import moved, moved_like


def unreduced(targets: list[Layers]) -> list[Layers]:
    """Return the targets as they are: what a single process does."""
    return targets


def matching_losses(
    network: Network,
    real: Sequence[ClassBatch],
    weights: Sequence[WeightMatrix],
    synthetic: Sequence[ClassBatch],
    signal: Signal,
    distance: Distance,
    reduce: Callable[[list[Layers]], list[Layers]] = unreduced,
) -> Tensor:
    """Return the matching loss of each class.

    Args:
        network: The surrogate.
        real: Real images, a batch per class.
        weights: W and a of each class; W's columns are those of ``real``.
        synthetic: Synthetic images, a batch per class in the same order.
        signal: What of the images is matched.
        distance: How it is compared.
        reduce: Sums W s over processes that hold different images of the same batch; called before the distance,
            so that group means are those of the union.

    Returns:
        (classes,), differentiable with respect to the synthetic images only.
    """
    targets = reduce(signal.targets(network, real, [w.rows for w in weights]))
    own = signal.synthetic(network, synthetic)
    if vars(type(distance)).get("row_by_row"):
        return _all_at_once(weights, targets, own, distance)
    factors = (moved_like(w.coefficients, s[0]) for w, s in zip(weights, own, strict=True))
    return torch.stack([(a * distance(t, s)).sum() for a, t, s in zip(factors, targets, own, strict=True)])


def _all_at_once(
    weights: Sequence[WeightMatrix], targets: list[Layers], own: list[Layers], distance: Distance
) -> Tensor:
    """Return the losses by one call of the distance: a GPU has little to do for each class, and is asked once."""
    counts = [len(w.coefficients) for w in weights]
    device = own[0][0].device
    of_rows = moved(torch.arange(len(weights)).repeat_interleave(torch.tensor(counts)), device)
    factors = moved_like(torch.cat([w.coefficients for w in weights]), own[0][0])
    wanted = [torch.cat(layer) for layer in zip(*targets, strict=True)]
    reached = [torch.stack(layer)[of_rows] for layer in zip(*own, strict=True)]
    own_rows = of_rows == torch.arange(len(weights), device=device).unsqueeze(1)
    return torch.where(own_rows, factors * distance(wanted, reached), 0.0).sum(1)  # the same sums every time
