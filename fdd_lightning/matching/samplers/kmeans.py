"""Sampling of images that stand for their class (DREAM)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clusters import representatives
from fdd_lightning.matching.samplers.base import Sampler
from fdd_lightning.networks import Network


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
