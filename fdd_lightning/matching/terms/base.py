"""What a term is: a part of the loss outside the one equation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

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
    """

    network: Network
    accuracy: float
    real: Sequence[ClassBatch]
    weights: Sequence[WeightMatrix]
    sizes: Sequence[int]
    synthetic: Sequence[ClassBatch]
    world: int = 1


class Term(Choice, ABC):
    """Base of every term."""

    @abstractmethod
    def __call__(self, matched: Matched) -> Tensor:
        """Return the term, a scalar that is added to the sum of the classes' matching losses."""
