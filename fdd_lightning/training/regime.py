"""A regime: optimiser, length, batches, learning rate and augmentation of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import torch
from torch import Generator, Tensor
from torch.optim import Adam, Optimizer

from fdd_lightning.augment import Augmentation, NoAugmentation
from fdd_lightning.augment.cutmix import mix_batch, mix_batches
from fdd_lightning.configuration.choices import Choice, rebuild
from fdd_lightning.utils.checks import require

OptimizerFactory = Callable[[Iterable[Any]], Optimizer]
"""Builds an optimiser for some parameters: a class, or ``functools.partial`` of one."""


class Regime(Choice):
    """How a network is trained, for a number of steps.

    A debiased trainer brings the one that it was published with, since losses that weigh images against each other
    depend on it. An evaluation's own is a :class:`~fdd_lightning.training.Preset`.

    Args:
        optimizer: The optimiser.
        steps: Optimiser steps.
        batch_size: Images per step; the last batch of an epoch, and any of a smaller set, has fewer, and none is
            dropped.
        decay: What the learning rate is multiplied with.
        decay_every: Steps between two decays; 0: never.
        decay_from: Step from which these are counted.
        augmentation: Applied to every batch, with parameters per image.

    Attributes:
        cutmix: Probability that the images of a batch are mixed after it (beta 1).

    Raises:
        ConfigError: A number cannot mean anything.

    Example:
        >>> regime = Regime(steps=30, decay=0.5, decay_every=10)
        >>> [regime.rate(step, per_epoch=1) for step in (0, 10, 29)]
        [1.0, 0.5, 0.25]
    """

    cutmix: float = 0.0

    def __init__(
        self,
        optimizer: OptimizerFactory = Adam,
        steps: int = 20000,
        batch_size: int = 256,
        decay: float = 0.5,
        decay_every: int = 0,
        decay_from: int = 0,
        augmentation: Augmentation = NoAugmentation(),
    ) -> None:
        require({"steps": steps, "batch_size": batch_size}, least=1, of="regime:")
        require({"decay_every": decay_every, "decay_from": decay_from}, least=0, of="regime:")
        require({"decay": decay}, above=0, of="regime:")
        self.optimizer = optimizer
        self.length = steps
        self.batch_size = batch_size
        self.decay = decay
        self.decay_every = decay_every
        self.decay_from = decay_from
        self.augmentation = rebuild(augmentation)

    def changed(self, **arguments: Any) -> Self:
        """Return it with other arguments; None leaves one as it is."""
        return type(self)(**self._given | {key: value for key, value in arguments.items() if value is not None})

    def num_steps(self, per_epoch: int) -> int:
        """Return the optimiser steps of the whole training, given those of an epoch."""
        return self.length

    def rate(self, step: int, per_epoch: int) -> float:
        """Return what the learning rate is multiplied with at a step, counted from 0."""
        if not self.decay_every:
            return 1.0
        return float(self.decay ** (max(0, step - self.decay_from) // self.decay_every))

    def forgets(self, step: int, per_epoch: int) -> bool:
        """Tell whether the optimiser is made anew before a step, so that momentum is lost."""
        return False

    def augment(
        self, batch: dict[str, Tensor], dtype: torch.dtype, num_classes: int, draws: Generator
    ) -> dict[str, Tensor]:
        """Return a batch (see :class:`~fdd_lightning.algorithms.Algorithm`) with its images augmented and mixed."""
        batch = {**batch, "image": self.augmentation(batch["image"].to(dtype), draws, siamese=False)}
        return mix_batch(batch, self.cutmix, num_classes, draws) if self.cutmix else batch

    def augment_many(
        self, batches: dict[str, Tensor], dtype: torch.dtype, num_classes: int, draws: Sequence[Generator]
    ) -> dict[str, Tensor]:
        """Return several batches, (batches, n, ...) each entry, augmented and mixed, each by its own draws."""
        images = self.augmentation.many([*batches["image"].to(dtype)], draws, siamese=False)
        batches = {**batches, "image": torch.stack(images)}
        return mix_batches(batches, self.cutmix, num_classes, draws) if self.cutmix else batches
