"""What a surrogate is: where the network that looks at both sets of images comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch

from fdd_lightning.choices import Choice
from fdd_lightning.networks import Network


class Surrogate(Choice, ABC):
    """Base of every surrogate. What it learns belongs to the checkpoint: see :meth:`state_dict`."""

    def prepare(self, num_classes: int, image_shape: tuple[int, int, int], seed: int, device: torch.device) -> None:
        """Take the facts of the run; called once before the first step, and before a state is loaded."""
        self.num_classes = num_classes
        self.image_shape = image_shape
        self.seed = seed
        self.device = device

    @abstractmethod
    def network(self, step: int) -> Network:
        """Return the network of a training step, equal on all processes."""

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a restart: tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        if state:
            raise ValueError(f"{type(self).__name__} has no state, but the checkpoint holds {sorted(state)}")
