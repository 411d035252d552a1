"""What a learner is: a way to train a classifier, as a plain module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from fdd_lightning.networks import NetworkFactory


class Learner(nn.Module, ABC):
    """Base of every learner (ERM and, later, the debiased trainers).

    What it remembers of the images between steps lives in buffers, so that it is part of every checkpoint.

    Args:
        network: Architecture of its network or networks.
        num_classes: Number of classes.
        image_shape: (C, H, W).
        size: Number of training images; a batch's ``index`` is below it.
    """

    name: str

    def __init__(self, network: NetworkFactory, num_classes: int, image_shape: tuple[int, int, int], size: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.size = size

    @abstractmethod
    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the loss of a batch with ``image``, ``target``, ``index`` and, for real data, ``group``."""

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (n, num_classes) of the network that is meant to be used."""


LearnerFactory = Callable[[NetworkFactory, int, tuple[int, int, int], int], Learner]
"""What builds a learner: a subclass, or a ``functools.partial`` of one."""
