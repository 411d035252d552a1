"""Sampling that fills every group."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.samplers.base import Sampler
from fdd_lightning.networks import Network


class Stratified(Sampler):
    """An equal number of images from each group of the class; small groups repeat images rather than vanish.

    The batch is ``batch_size`` rounded down to a multiple of the number of groups (at least one image of each).
    """

    needs_groups = True

    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return equally many indices of every group of the class."""
        groups = [data.members(target, int(g)) for g in data.groups[data.members(target)].unique()]
        share = max(1, self.batch_size // len(groups))
        return torch.cat([self._take(members, share, generator) for members in groups])

    @staticmethod
    def _take(members: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Take ``count`` members, each as often as any other (to within one)."""
        rounds = -(-count // len(members))
        order = torch.cat([torch.randperm(len(members), generator=generator) for _ in range(rounds)])
        return members[order[:count]]
