"""Sampling that fills every group."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.samplers.base import Sampler
from fdd_lightning.networks import Network


class Stratified(Sampler):
    """An equal number of images from each group of the class; small groups repeat images rather than vanish.

    The batch is ``batch_size`` rounded down to a multiple of the number of groups (at least one image of each). Every
    class needs an image of every group. With the weighting ``Vanilla`` this is the control "balance the groups, then
    distil".
    """

    needs_groups = True

    def check(self, cells: Tensor) -> None:
        """Refuse a training set with an empty (class, group) cell: no draw can balance it."""
        empty = (cells == 0).nonzero().tolist()
        if empty:
            raise ConfigError(
                f"sampler Stratified needs an image of every group in every class, but class {empty[0][0]} has none of "
                f"group {empty[0][1]} ({len(empty)} of {cells.numel()} cells are empty): use sampler Uniform, with "
                "weighting FairDD to weigh the groups that are there alike"
            )

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
