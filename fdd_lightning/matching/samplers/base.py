"""What a sampler of real images is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.networks import Network


class Sampler(Choice, ABC):
    """Base of every sampler: which real images of a class are matched in a round.

    What it remembers between rounds belongs to the checkpoint: see :meth:`state_dict`.

    Args:
        batch_size: Images per class and round; the whole class where it is smaller.
    """

    needs_groups: bool = False

    def __init__(self, batch_size: int = 256) -> None:
        if batch_size < 1:
            raise ConfigError(f"sampler batch_size must be at least 1, not {batch_size}")
        self.batch_size = batch_size

    def check(self, cells: Tensor) -> None:
        """Refuse a training set from which it cannot draw; called once before the first round.

        Args:
            cells: Training images of each (class, group), int64 (num_classes, num_groups).

        Raises:
            ConfigError: With the way out.
        """

    @abstractmethod
    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return indices (n,) into ``data`` of images of class ``target``.

        Args:
            data: The real training set.
            target: The class.
            step: The round, counted from 0.
            generator: The only source of randomness; equal on all processes.
            network: The current surrogate, for samplers that look at the images through it.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a restart: tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        if state:
            raise ValueError(f"{type(self).__name__} has no state, but the checkpoint holds {sorted(state)}")
