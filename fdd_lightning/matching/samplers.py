"""Samplers: which real images of a class are matched in a round."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clusters import representatives
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


class Uniform(Sampler):
    """Uniform without replacement inside the class, a fresh permutation each step (DC, DSA, DM: 256 images)."""

    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return ``batch_size`` indices of the class, or all of it where it is smaller."""
        members = data.members(target)
        return members[torch.randperm(len(members), generator=generator)[: self.batch_size]]


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


class KMeans(Sampler):
    """The real image nearest to each centroid of a clustering of the class (DREAM; Liu et al., ICCV 2023).

    Every ``interval`` rounds the class is embedded by the current network, from pixels in 0..1 that are neither
    normalised nor augmented (as in the reference), and clustered; the images found are matched until the next time.

    At most a quarter of the class (or group) is taken, so that clusters have four images or so: a class no larger than
    the batch would otherwise be taken whole.

    Args:
        batch_size: Images per class.
        interval: Rounds between clusterings.
        within_groups: Cluster each group by itself, with an equal share of the batch; groups then never vanish.
        candidates: Images of the class, drawn anew, that a clustering looks at; all of them if null (as published).
    """

    def __init__(
        self,
        batch_size: int = 128,
        interval: int = 10,
        within_groups: bool = False,
        candidates: int | None = None,
    ) -> None:
        super().__init__(batch_size)
        if interval < 1 or (candidates is not None and candidates < 4):
            raise ConfigError(f"KMeans needs interval >= 1 and candidates >= 4, not {interval} and {candidates}")
        self.interval = interval
        self.needs_groups = within_groups
        self.candidates = candidates
        self._chosen: dict[int, Tensor] = {}
        self._made: dict[int, int] = {}  # the round of each class's last clustering

    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return the images that stand for the class."""
        if target not in self._chosen or (step % self.interval == 0 and self._made[target] != step):
            self._chosen[target] = self._cluster(data, target, generator, network)
            self._made[target] = step
        return self._chosen[target]

    def _cluster(self, data: ImageSet, target: int, generator: torch.Generator, network: Network) -> Tensor:
        members = data.members(target)
        if not self.needs_groups:
            return self._representatives(data, members, self.batch_size, generator, network)
        groups = [data.members(target, int(g)) for g in data.groups[members].unique()]
        share = max(1, self.batch_size // len(groups))
        return torch.cat([self._representatives(data, group, share, generator, network) for group in groups])

    def _representatives(
        self, data: ImageSet, members: Tensor, count: int, generator: torch.Generator, network: Network
    ) -> Tensor:
        if self.candidates is not None:
            members = members[torch.randperm(len(members), generator=generator)[: self.candidates]]
        weight = next(network.parameters())
        with torch.no_grad():
            points = [network.embed(data.pixels(part).to(weight) / 255) for part in members.split(512)]
        count = max(1, min(count, len(members) // 4))
        return members[representatives(torch.cat(points), count, generator).to(members.device)]

    def state_dict(self) -> dict[str, Any]:
        """Return the images in use and when they were found."""
        return {"chosen": dict(self._chosen), "made": dict(self._made)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self._chosen = {int(target): chosen for target, chosen in state.get("chosen", {}).items()}
        self._made = {int(target): int(step) for target, step in state.get("made", {}).items()}
