"""Samplers: which real images of a class are matched in a round."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clustering import (
    nearest_to_centroids,
    raw_features,
    representatives,
    shares_of_representatives,
)
from fdd_lightning.matching.systematic_resampling import systematic_draws
from fdd_lightning.matching.weightings import Weigher, WeightMatrix
from fdd_lightning.networks import Network
from fdd_lightning.utils.checks import require


class Sampler(Choice, ABC):
    """Base of every sampler: which real images of a class are matched in a round.

    It implements :meth:`draw`, or :meth:`batch` where what is drawn depends on the weighting. What it remembers between
    rounds belongs to the checkpoint: see :meth:`state_dict`.

    Args:
        batch_size: Images per class and round; the whole class where it is smaller.

    Example:
        >>> class First(Sampler):
        ...     def draw(self, data, target, step, generator, network):
        ...         return data.members(target)[: self.batch_size]
    """

    needs_groups: bool = False
    draws_by_weight: bool = False
    """Whether images of large weight come up several times in a batch."""

    def __init__(self, batch_size: int = 256) -> None:
        require({"batch_size": batch_size}, least=1, of=type(self).__name__)
        self.batch_size = batch_size

    def check(self, cells: Tensor) -> None:
        """Refuse a training set from which it cannot draw; called once before the first round.

        Args:
            cells: Training images of each (class, group), int64 (num_classes, num_groups).

        Raises:
            ConfigError: With the way out.
        """

    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return indices (n,) into ``data`` of images of class ``target``.

        Args:
            data: The real training set.
            target: The class.
            step: The round, counted from 0.
            generator: The only source of randomness; equal on all processes.
            network: The current surrogate, for samplers that look at the images through it.
        """
        raise NotImplementedError

    def batch(
        self,
        data: ImageSet,
        target: int,
        step: int,
        generator: torch.Generator,
        network: Network,
        weigh: Weigher,
    ) -> tuple[Tensor, WeightMatrix]:
        """Return the images of :meth:`draw`, and W of just these; a sampler that draws by weight weighs the class.

        Args:
            data: The real training set.
            target: The class.
            step: The round, counted from 0.
            generator: The only source of randomness; equal on all processes.
            network: The current surrogate.
            weigh: Returns the weighting's W of images of the class by their places.
        """
        index = self.draw(data, target, step, generator, network)
        return index, weigh(index)

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a restart: tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        if state:
            raise ValueError(f"{type(self).__name__} has no state, but the checkpoint holds {sorted(state)}")


class Uniform(Sampler):
    """Uniform without replacement inside the class, a fresh permutation each step (DC, DSA, DM: 256 images).

    Example:
        >>> pixels, targets = torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 0, 1, 0, 1])
        >>> data = ImageSet(pixels, targets, groups=targets, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> Uniform(2).draw(data, 1, 0, torch.Generator(), network=None).shape  # it looks through no network
        torch.Size([2])
    """

    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return ``batch_size`` indices of the class, or all of it where it is smaller."""
        members = data.members(target)
        return members[torch.randperm(len(members), generator=generator)[: self.batch_size]]


class Stratified(Sampler):
    """An equal number of images from each group of the class; small groups repeat images rather than vanish.

    The batch is ``batch_size`` rounded down to a multiple of the number of groups (at least one image of each). Every
    class needs an image of every group. With the weighting ``Vanilla`` this is the control "balance the groups, then
    distil".

    Example:
        >>> pixels, groups = torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 0, 0, 0, 0, 1])
        >>> data = ImageSet(pixels, torch.zeros(6).long(), groups, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> groups[Stratified(4).draw(data, 0, 0, torch.Generator(), network=None)].tolist()
        [0, 0, 1, 1]
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
        groups = _members_by_group(data, target)
        share = max(1, self.batch_size // len(groups))
        return torch.cat([self._take(members, share, generator) for members in groups])

    @staticmethod
    def _take(members: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Take ``count`` members, each as often as any other (to within one)."""
        rounds = -(-count // len(members))
        order = torch.cat([torch.randperm(len(members), generator=generator) for _ in range(rounds)])
        return members[order[:count]]


class Importance(Sampler):
    """Draws the batch by the rows of W over the whole class, and matches it uniformly (ours).

    Each row has an equal share of the batch, drawn by systematic resampling in proportion to its weights. So the mean
    that is matched is an unbiased estimate of the class-level target, where weights inside a uniform batch estimate it
    by the few images of weight that the batch happens to hold: at 1% bias-conflicting images two or three of 256.
    Images of large weight repeat. With ``Vanilla`` it draws uniformly, with ``FairDD`` equally from every group, with
    ``KDE`` by inverse density over the whole class.

    Args:
        batch_size: Images per class and round, divided equally among the rows of W; at least one for each.

    Example:
        >>> Importance(batch_size=50).batch_size
        50
    """

    draws_by_weight = True

    def __init__(self, batch_size: int = 100) -> None:
        super().__init__(batch_size)
        self._whole: dict[int, WeightMatrix] = {}  # W of each class, computed once
        self._weighed: dict[int, list[tuple[Tensor, Tensor]]] = {}  # each row's images of any weight, and their weights

    def batch(
        self,
        data: ImageSet,
        target: int,
        step: int,
        generator: torch.Generator,
        network: Network,
        weigh: Weigher,
    ) -> tuple[Tensor, WeightMatrix]:
        """Return images drawn by each row in turn, and the matrix that is uniform over each row's own."""
        drawn = self.drawn(data, target, self.batch_size, generator, weigh)
        uniform = [torch.full((len(part),), 1 / len(part), dtype=torch.float64) for part in drawn]
        return torch.cat(drawn), part_by_part(uniform, self.whole(data, target, weigh).coefficients)

    def whole(self, data: ImageSet, target: int, weigh: Weigher) -> WeightMatrix:
        """Return W of all images of a class, computed once."""
        if target not in self._whole:
            matrix = weigh(data.members(target))
            self._whole[target] = WeightMatrix(matrix.rows.double().cpu(), matrix.coefficients)
        return self._whole[target]

    def drawn(
        self, data: ImageSet, target: int, count: int, generator: torch.Generator, weigh: Weigher
    ) -> list[Tensor]:
        """Return what each row of W draws: int64 (count / T,) places, an image as often as its weight says."""
        if target not in self._weighed:
            members, rows = data.members(target), self.whole(data, target, weigh).rows
            used = [row.nonzero().flatten() for row in rows]
            self._weighed[target] = [(members[u.to(members.device)], row[u]) for u, row in zip(used, rows, strict=True)]
        rows_of_class = self._weighed[target]
        share = max(1, count // len(rows_of_class))
        drawn = [(images, systematic_draws(weights, share, generator)) for images, weights in rows_of_class]
        return [images[places.to(images.device)] for images, places in drawn]


class ImportanceKMeans(Importance):
    """What stands for the images drawn by each row of W: those nearest to centroids (DREAM, drawn by weight; ours).

    As ``KMeans``, but each row of W is clustered by itself, and only what it has drawn; an image counts by the share of
    the draws that it stands for. A row that has drawn no more different images than its share keeps them all.

    Args:
        batch_size: Images per class, divided equally among the rows of W.
        interval: Rounds between clusterings.
        candidates: Images of the class that are drawn for a clustering, divided in the same way.

    Example:
        >>> ImportanceKMeans(batch_size=100).interval
        10
    """

    def __init__(self, batch_size: int = 128, interval: int = 10, candidates: int = 1024) -> None:
        super().__init__(batch_size)
        require({"interval": interval, "candidates": candidates}, least=1, of="ImportanceKMeans")
        self.interval = interval
        self.candidates = candidates
        self._chosen: dict[int, list[tuple[Tensor, Tensor]]] = {}  # each row's images, and their shares
        self._clustered: dict[int, int] = {}  # the round of each class's last clustering

    def batch(
        self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network, weigh: Weigher
    ) -> tuple[Tensor, WeightMatrix]:
        """Return the images that stand for each row, and the matrix of the shares that they stand for."""
        if target not in self._chosen or (step % self.interval == 0 and self._clustered[target] != step):
            drawn = self.drawn(data, target, self.candidates, generator, weigh)
            share = max(1, self.batch_size // len(drawn))
            self._clustered[target], self._chosen[target] = step, []
            for row in drawn:
                different, counts = row.unique(return_counts=True)
                shares = (counts / counts.sum()).double().cpu()
                if len(different) > share:
                    points = raw_features(data, different, network)
                    places = representatives(points, share, generator)
                    shares = shares_of_representatives(points, places, counts)
                    different = different[places.to(different.device)]
                self._chosen[target].append((different, shares))
        images, shares_of_rows = zip(*self._chosen[target], strict=True)
        return torch.cat(images), part_by_part(shares_of_rows, self.whole(data, target, weigh).coefficients)

    def state_dict(self) -> dict[str, Any]:
        """Return the images in use and when they were found."""
        return {"chosen": dict(self._chosen), "clustered": dict(self._clustered)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self._chosen = {int(target): list(rows) for target, rows in state.get("chosen", {}).items()}
        self._clustered = {int(target): int(step) for target, step in state.get("clustered", {}).items()}


def part_by_part(shares: Sequence[Tensor], coefficients: Tensor) -> WeightMatrix:
    """Return the matrix whose t-th row weighs the t-th part of a batch.

    Args:
        shares: The weights of each part's images, (n_t,); the parts stand one after the other in the batch.
        coefficients: (T,).
    """
    return WeightMatrix(torch.block_diag(*(part.unsqueeze(0) for part in shares)), coefficients)


class Cycling(Sampler):
    """Goes through the shuffled class batch by batch, shuffles it again, and so on (IDC: 64 images).

    A rest smaller than a batch is dropped, as in the reference.

    Example:
        >>> Cycling().batch_size
        64
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

    Example:
        >>> KMeans(within_groups=True).needs_groups
        True
    """

    def __init__(
        self,
        batch_size: int = 128,
        interval: int = 10,
        within_groups: bool = False,
        candidates: int | None = None,
    ) -> None:
        super().__init__(batch_size)
        require({"interval": interval}, least=1, of="KMeans")
        require({"candidates": candidates}, least=4, of="KMeans")
        self.interval = interval
        self.needs_groups = within_groups
        self.candidates = candidates
        self._chosen: dict[int, Tensor] = {}
        self._clustered: dict[int, int] = {}  # the round of each class's last clustering

    def draw(self, data: ImageSet, target: int, step: int, generator: torch.Generator, network: Network) -> Tensor:
        """Return the images that stand for the class."""
        if target not in self._chosen or (step % self.interval == 0 and self._clustered[target] != step):
            self._chosen[target] = self._cluster(data, target, generator, network)
            self._clustered[target] = step
        return self._chosen[target]

    def _cluster(self, data: ImageSet, target: int, generator: torch.Generator, network: Network) -> Tensor:
        parts = _members_by_group(data, target) if self.needs_groups else [data.members(target)]
        share = max(1, self.batch_size // len(parts))
        chosen = []
        for members in parts:
            if self.candidates is not None:
                members = members[torch.randperm(len(members), generator=generator)[: self.candidates]]
            count = max(1, min(share, len(members) // 4))
            chosen.append(nearest_to_centroids(data, members, count, network, generator))
        return torch.cat(chosen)

    def state_dict(self) -> dict[str, Any]:
        """Return the images in use and when they were found."""
        return {"chosen": dict(self._chosen), "made": dict(self._clustered)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self._chosen = {int(target): chosen for target, chosen in state.get("chosen", {}).items()}
        self._clustered = {int(target): int(step) for target, step in state.get("made", {}).items()}


def _members_by_group(data: ImageSet, target: int) -> list[Tensor]:
    """Return the places of a class's images, group by group."""
    return [data.members(target, int(group)) for group in data.groups[data.members(target)].unique()]
