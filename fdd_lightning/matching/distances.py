"""Distances between target signals and a synthetic signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.signals import Layers


class Distance(Choice, ABC):
    """Base of every distance between target signals and a synthetic signal.

    Example:
        >>> class Largest(Distance):
        ...     def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        ...         return torch.stack([(t - s).flatten(1).abs().amax(1) for t, s in zip(targets, synthetic)]).amax(0)
    """

    row_by_row: ClassVar[bool] = False
    """Whether the synthetic signal may also have a row for each target, (T, ...), so that all classes are compared in
    one call. A subclass says so for itself."""

    def check(self, layers: int) -> None:
        """Refuse signals of so many layers, where it cannot compare them."""

    @abstractmethod
    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the distance of each target, (T,), from layers (T, ...) and (...)."""


class Squared(Distance):
    """Sum of squared differences over all entries of all layers (DM: summed over features, not averaged).

    Example:
        >>> Squared()([torch.tensor([[1.0, 2.0], [0.0, 0.0]])], [torch.tensor([0.0, 0.0])])
        tensor([5., 0.])
    """

    row_by_row = True

    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the summed squared difference of each target, (T,)."""
        return torch.stack([d.square().sum(1) for d in _differences(targets, synthetic)]).sum(0)


class Absolute(Distance):
    """Sum of absolute differences over all entries of all layers (IDC on MNIST and Fashion-MNIST).

    Example:
        >>> Absolute()([torch.tensor([[1.0, 2.0], [0.0, 0.0]])], [torch.tensor([0.0, 0.0])])
        tensor([3., 0.])
    """

    row_by_row = True

    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the summed absolute difference of each target, (T,)."""
        return torch.stack([d.abs().sum(1) for d in _differences(targets, synthetic)]).sum(0)


class LayeredSquared(Distance):
    """Summed squared differences, a factor per layer (CAFE).

    CAFE's own factors for the signal ``Maps`` are 0.1, 0.1, 1 for the three blocks' activations and 1 for the last
    block's pooled map; its extra distance between flattened final features is that same map once more, hence the 2.

    Args:
        factors: One per layer of the signal.

    Example:
        >>> LayeredSquared([1.0, 0.5])([torch.ones(1, 2), torch.ones(1, 4)], [torch.zeros(2), torch.zeros(4)])
        tensor([4.])
    """

    row_by_row = True

    def __init__(self, factors: Sequence[float] = (0.1, 0.1, 1.0, 2.0)) -> None:
        self.factors = tuple(factors)

    def check(self, layers: int) -> None:
        """Refuse signals of another number of layers than there are factors.

        Raises:
            ConfigError: With the way out.
        """
        if len(self.factors) != layers:
            raise ConfigError(
                f"LayeredSquared has {len(self.factors)} factors, the signal {layers} layers: give one per layer "
                "(distance.factors), or the network another depth"
            )

    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the weighted sum of squared differences of each target, (T,); see :meth:`check`."""
        self.check(len(targets))
        differences = zip(self.factors, _differences(targets, synthetic), strict=True)
        return torch.stack([factor * d.square().sum(1) for factor, d in differences]).sum(0)


class LayerCosine(Distance):
    """One minus the cosine of every output row of every layer, summed (DC: Zhao et al., ICLR 2021).

    A convolution's weight is read as (out, in x k x k), a linear weight as (out, in); layers of one dimension (biases)
    count nothing, as in the reference (metric "ours").

    Args:
        eps: Added to the product of the norms.

    Example:
        >>> LayerCosine(eps=0.0)([torch.eye(2)[None]], [torch.tensor([[1.0, 0.0], [1.0, 0.0]])])
        tensor([1.])
    """

    def __init__(self, eps: float = 1e-6) -> None:
        self.eps = eps

    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the summed distance of each target, (T,)."""
        total = targets[0].new_zeros(len(targets[0]))
        for many, one in zip(targets, synthetic, strict=True):
            if one.ndim < 2:
                continue
            t, s = many.flatten(2), one.flatten(1)
            norms = torch.linalg.vector_norm(t, dim=2) * torch.linalg.vector_norm(s, dim=1)
            total = total + (1 - (t * s).sum(2) / (norms + self.eps)).sum(1)
        return total


def _differences(targets: Layers, synthetic: Layers) -> list[Tensor]:
    """Return each layer's difference of each target, (T, entries)."""
    return [(t - s).flatten(1) for t, s in zip(targets, synthetic, strict=True)]
