"""Terms: what a method adds to the matching loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.matching.signals import ClassBatch
from fdd_lightning.matching.weightings import WeightMatrix
from fdd_lightning.networks import Network


@dataclass(frozen=True)
class Matched:
    """What a step compares.

    Attributes:
        network: The surrogate.
        accuracy: Its training accuracy in percent, 0 where that is not measured.
        real: Real images, a batch per class; over several processes each has its own share.
        weights: W and a of each class, for the images of ``real``.
        sizes: Real images of each class over all processes.
        synthetic: Synthetic images, a batch per class in the same order.
        world: Number of processes, whose gradients are averaged.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> Matched(MLP(2, (3, 8, 8)), 50.0, [], [], [], [ClassBatch(torch.zeros(2, 3, 8, 8), label=0)]).world
        1
    """

    network: Network
    accuracy: float
    real: Sequence[ClassBatch]
    weights: Sequence[WeightMatrix]
    sizes: Sequence[int]
    synthetic: Sequence[ClassBatch]
    world: int = 1


class Term(Choice, ABC):
    """Base of every term.

    Example:
        >>> class Small(Term):
        ...     def __call__(self, matched: Matched) -> Tensor:
        ...         return torch.stack([batch.images.square().mean() for batch in matched.synthetic]).sum()
    """

    @abstractmethod
    def __call__(self, matched: Matched) -> Tensor:
        """Return the term, a scalar that is added to the sum of the classes' matching losses."""


class ClassAware(Term):
    """The surrogate's cross-entropy on the synthetic images, times its training accuracy in percent (IDM).

    Args:
        scale: Factor beside the accuracy (published: 0.5 for IPC 1 and 10, 0.1 for IPC 50, on CIFAR-10).

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> classes = [ClassBatch(torch.zeros(2, 3, 8, 8), label) for label in (0, 1)]
        >>> bool(ClassAware()(Matched(MLP(2, (3, 8, 8)), 50.0, [], [], [], classes)) > 0)
        True
    """

    def __init__(self, scale: float = 0.5) -> None:
        self.scale = scale

    def __call__(self, matched: Matched) -> Tensor:
        """Return the sum over classes of the mean cross-entropy, scaled."""
        losses = []
        for batch in matched.synthetic:
            labels = torch.full((len(batch.images),), batch.label, device=batch.images.device)
            losses.append(cross_entropy(matched.network(batch.images), labels))
        return self.scale * matched.accuracy * torch.stack(losses).sum()


class Discrimination(Term):
    """Real features must be classified by the synthetic class means (CAFE; Wang et al., CVPR 2022).

    The logits of a real image are the products of its last feature with each class's mean synthetic feature; their
    cross-entropy is summed over the batch. Under a weighting, image i of a class of n counts n times the mean of W's
    column i, so that uniform weights give the published sum.

    Args:
        scale: Factor of the term.

    Example:
        >>> from fdd_lightning.matching.weightings import Evidence, Vanilla
        >>> from fdd_lightning.networks import MLP
        >>> classes = [ClassBatch(torch.zeros(2, 3, 8, 8), label) for label in (0, 1)]
        >>> weights = [Vanilla()(Evidence(size=2))] * 2
        >>> term = Discrimination()(Matched(MLP(2, (3, 8, 8)), 0.0, classes, weights, [2, 2], classes))
        >>> round(term.item(), 4)  # equal logits for two classes: four times 0.01 log 2
        0.0277
    """

    def __init__(self, scale: float = 0.01) -> None:
        self.scale = scale

    def __call__(self, matched: Matched) -> Tensor:
        """Return the weighted sum of cross-entropies, scaled."""
        means = torch.stack([matched.network.embed(batch.images).mean(0) for batch in matched.synthetic])
        total = means.new_zeros(())
        for place, (batch, weights, size) in enumerate(zip(matched.real, matched.weights, matched.sizes, strict=True)):
            with torch.no_grad():
                features = matched.network.embed(batch.images)
            labels = torch.full((len(features),), place, device=features.device)
            losses = cross_entropy(features @ means.T, labels, reduction="none")
            total = total + size * (weights.rows.to(losses).mean(0) @ losses)
        return self.scale * matched.world * total
