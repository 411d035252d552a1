"""Uniform sampling inside a class."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.samplers.base import Sampler
from fdd_lightning.networks import Network


class Uniform(Sampler):
    """Uniform without replacement inside the class, a fresh permutation each step (DC, DSA, DM: 256 images)."""

    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return ``batch_size`` indices of the class, or all of it where it is smaller."""
        members = data.members(target)
        return members[torch.randperm(len(members), generator=generator)[: self.batch_size]]
