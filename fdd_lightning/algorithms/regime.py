"""How a learner is trained, where it brings settings of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch.optim import Adam, Optimizer

from fdd_lightning.augment import Augmentation, NoAugmentation
from fdd_lightning.configuration.choices import Choice, rebuild
from fdd_lightning.errors import ConfigError

OptimizerFactory = Callable[[Iterable[Any]], Optimizer]
"""Builds an optimiser for some parameters: a class, or ``functools.partial`` of one."""


class Regime(Choice):
    """Optimiser, length, batches and augmentation of a training, in the place of those of the evaluation.

    Debiased trainers are published with such settings, and losses that weigh images against each other depend on them.

    Args:
        optimizer: The optimiser.
        steps: Optimiser steps.
        batch_size: Images per step; the last batch of an epoch, and any of a smaller set, has fewer, and none is
            dropped.
        decay: What the learning rate is multiplied with.
        decay_every: Steps between two decays; 0: never.
        decay_from: Step from which these are counted.
        augmentation: Applied to every batch, with parameters per image.

    Raises:
        ConfigError: A number cannot mean anything.
    """

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
        for key, value, least in (
            ("steps", steps, 1),
            ("batch_size", batch_size, 1),
            ("decay_every", decay_every, 0),
            ("decay_from", decay_from, 0),
        ):
            if value < least:
                raise ConfigError(f"regime: {key} must be at least {least}, not {value}")
        if not decay > 0:
            raise ConfigError(f"regime: decay must be positive, not {decay}")
        self.optimizer = optimizer
        self.steps = steps
        self.batch_size = batch_size
        self.decay = decay
        self.decay_every = decay_every
        self.decay_from = decay_from
        self.augmentation = rebuild(augmentation)

    def rate(self, step: int) -> float:
        """Return what the learning rate is multiplied with at a step, counted from 0."""
        if not self.decay_every:
            return 1.0
        return float(self.decay ** (max(0, step - self.decay_from) // self.decay_every))
