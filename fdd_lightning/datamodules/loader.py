"""Batches that are a pure function of the seed and of their number, so that a run can be resumed exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng
from fdd_lightning.utils.checks import require


class _Batched(Protocol):
    """What the loader reads from: an :class:`~fdd_lightning.datasets.ImageSet`, or anything alike."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def batch(self, index: Tensor) -> dict[str, Tensor]:
        """Return the samples at the given places."""


def current_rank() -> int:
    """Return this process's rank, 0 where there is one process."""
    return torch.distributed.get_rank() if _several() else 0


def current_world() -> int:
    """Return the number of processes that work together."""
    return torch.distributed.get_world_size() if _several() else 1


def _several() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


class BatchLoader:
    """Iterates over a set in batches; batch number n, counted from the start of training, follows from (seed, n) alone.

    Epoch ``n // len(loader)`` has a permutation of its own. An iterator starts at batch ``start()``, asked when the
    first batch is taken, and ends with that epoch: a run resumed in the middle of one goes on where it stopped.

    Under several processes a shuffled loader gives each rank its strided share of every batch, so that the union is the
    batch that one process would see, less what cannot be shared equally (ranks that gather from each other need equal
    shares); an unshuffled one gives each rank its strided share of the whole set, nothing twice.

    Args:
        dataset: What is read.
        batch_size: Samples per batch, of all ranks together if shuffled, of each rank if not.
        shuffle: Whether the order is drawn anew for each epoch.
        seed: Seed of the order.
        purpose: What the order is for; loaders of different purposes differ.
        drop_last: Leave out a last batch that is not full.
        start: Number of batches already taken; without it the loader counts its own passes.
        rank: This process among ``world``; by default as torch.distributed says.
        world: Number of processes; by default as torch.distributed says.

    Raises:
        ConfigError: ``batch_size`` is below 1, or below the number of processes if shuffled.

    Example:
        >>> from fdd_lightning.datasets import ImageSet
        >>> labels = torch.zeros(5, dtype=torch.int64)
        >>> data = ImageSet(torch.zeros(5, 1, 4, 4, dtype=torch.uint8), labels, labels, (0.5,), (0.5,))
        >>> [batch["index"].tolist() for batch in BatchLoader(data, 2, shuffle=False, seed=0, purpose="test")]
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: _Batched,
        batch_size: int,
        shuffle: bool,
        seed: int,
        purpose: str,
        drop_last: bool = False,
        start: Callable[[], int] | None = None,
        rank: Callable[[], int] = current_rank,
        world: Callable[[], int] = current_world,
    ) -> None:
        require({"batch_size": batch_size}, least=1)
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.purpose = purpose
        self.drop_last = drop_last
        self._start = start
        self._rank = rank
        self._world = world
        self._passes = 0
        self._drawn: tuple[int, Tensor] | None = None  # the last epoch's permutation

    def __len__(self) -> int:
        """Return the number of batches of an epoch (unshuffled: of this rank's share)."""
        smallest = self.batch_size if self.drop_last else self._world() if self.shuffle else 1
        size = len(self.dataset) if self.shuffle else len(range(self._rank(), len(self.dataset), self._world()))
        full, rest = divmod(size, self.batch_size)
        return full + (rest >= smallest)

    def index(self, number: int) -> Tensor:
        """Return the places that batch ``number`` reads on this rank: int64, (n,)."""
        epoch, place = divmod(number, max(len(self), 1))
        part = slice(place * self.batch_size, (place + 1) * self.batch_size)
        rank, world = self._rank(), self._world()
        if not self.shuffle:
            return torch.arange(rank, len(self.dataset), world)[part]
        if self.batch_size < world:
            raise ConfigError(f"batch_size={self.batch_size} cannot be shared by {world} processes: raise it")
        if self._drawn is None or self._drawn[0] != epoch:
            generator = rng.generator(self.seed, self.purpose, epoch)
            self._drawn = epoch, torch.randperm(len(self.dataset), generator=generator)
        whole = self._drawn[1][part]
        return whole[: len(whole) // world * world][rank::world]  # equal shares: processes gather them

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield the batches from ``start()`` to the end of its epoch."""
        length = len(self)
        if not length:
            return
        if self._start is None:
            first = self._passes * length
            self._passes += 1
        else:
            first = self._start()
        for number in range(first, (first // length + 1) * length):
            yield self.dataset.batch(self.index(number))

    def state_dict(self) -> dict[str, int]:
        """Return the passes begun: with ``load_state_dict`` this tells Lightning that the loader can be resumed."""
        return {"passes": self._passes}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Restore :meth:`state_dict`."""
        self._passes = state["passes"]
