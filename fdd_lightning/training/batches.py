"""The batches of a training: functions of the step, so that a run can be resumed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batches:
    """How each epoch of a training set is cut into updates of equally many images; a smaller one is the last.

    Attributes:
        size: Images of the training set, and of an epoch.
        batch_size: Images of an update, of all processes together.
        pool: Updates that are made of one batch, which is so many times as large.
        world: Processes that share a batch equally; what cannot be shared is left out.

    Example:
        >>> batches = Batches(size=5, batch_size=2)
        >>> batches.per_epoch, batches.batch(2, torch.arange(5)).tolist()
        (3, [4])
    """

    size: int
    batch_size: int
    pool: int = 1
    world: int = 1

    @property
    def per_epoch(self) -> int:
        """Updates of an epoch."""
        full, rest = divmod(self.size, self.batch_size)
        return full + (rest >= self.world)

    def epoch(self, step: int) -> int:
        """Return the epoch that an update belongs to."""
        return step // self.per_epoch

    def batch(self, step: int, order: Tensor, rank: int = 0) -> Tensor:
        """Return the places in the training set of the batch that an update is made of.

        Args:
            step: The update, counted from 0.
            order: int64 (size,), the order of its epoch.
            rank: The process whose share is meant.

        Returns:
            int64 (n,); each process has its strided share, so that the union is what a single process would see.
        """
        length = self.batch_size * self.pool
        start = step % self.per_epoch // self.pool * length
        whole = order[start : start + length]
        return whole[: len(whole) // self.world * self.world][rank :: self.world]

    @property
    def share(self) -> int:
        """Images of an update on each process."""
        return max(1, self.batch_size // self.world)


def epoch_order(size: int, chances: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return the order (size,) of an epoch: each image once, or as many draws by relative chances, with replacement."""
    if chances is None:
        return torch.randperm(size, generator=generator)
    return torch.multinomial(chances, size, replacement=True, generator=generator)
