"""Sampling that goes through a class before it repeats an image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.samplers.base import Sampler
from fdd_lightning.networks import Network


class Cycling(Sampler):
    """Goes through the shuffled class batch by batch, shuffles it again, and so on (IDC: 64 images).

    A rest smaller than a batch is dropped, as in the reference.
    """

    def __init__(self, batch_size: int = 64) -> None:
        super().__init__(batch_size)
        self._left: dict[int, Tensor] = {}  # images of each class still to come, by place in the class

    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return the next ``batch_size`` indices of the class."""
        members = data.members(target)
        left = self._left.get(target, members[:0].cpu())
        size = min(self.batch_size, len(members))
        if len(left) < size:
            left = torch.randperm(len(members), generator=generator)
        self._left[target] = left[size:]
        return members[left[:size].to(members.device)]

    def state_dict(self) -> dict[str, Any]:
        """Return what is left of each class."""
        return {"left": dict(self._left)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self._left = {int(target): left for target, left in state.get("left", {}).items()}
