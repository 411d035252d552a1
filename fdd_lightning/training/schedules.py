"""When learning rates fall: of a training in epochs, and of synthetic images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import cos, pi
from typing import ClassVar

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.checks import require


class Schedule(Choice, ABC):
    """Base of every schedule.

    Args:
        factor: What the learning rate is multiplied with at each drop.

    Example:
        >>> class Never(Schedule):
        ...     def drops(self, epochs):
        ...         return []
        >>> Never().factor
        0.1
    """

    forgets: ClassVar[bool] = False
    """Whether a drop makes the optimiser anew, so that momentum is lost."""

    def __init__(self, factor: float = 0.1) -> None:
        require({"factor": factor}, above=0, of=type(self).__name__)
        self.factor = factor

    @abstractmethod
    def drops(self, epochs: int) -> list[int]:
        """Return the epochs, counted from 0, before which the learning rate falls; some may lie past the end.

        Args:
            epochs: All epochs.
        """


class PastHalf(Schedule):
    """One drop just past half time, with the momentum lost (DC, DSA, DM: ``utils.py``, ``evaluate_synset``).

    The reference counts epochs 0..E, and makes its optimiser anew after epoch E // 2 + 1.

    Example:
        >>> PastHalf().drops(1001)
        [502]
    """

    forgets = True

    def drops(self, epochs: int) -> list[int]:
        """Return the one epoch."""
        return [(epochs - 1) // 2 + 2]


class AtShares(Schedule):
    """Drops at shares of the epochs, rounded down; momentum is kept (IDC: ``train.py``, ``train``).

    Args:
        shares: Fractions as text, ``2/3``: a decimal would be rounded to an epoch too early.
        factor: What the learning rate is multiplied with at each.

    Example:
        >>> AtShares().drops(1000)
        [666, 833]
    """

    def __init__(self, shares: Sequence[str] = ("2/3", "5/6"), factor: float = 0.2) -> None:
        super().__init__(factor)
        try:
            self.shares = [Fraction(str(share)) for share in shares]
        except (ValueError, ZeroDivisionError):
            raise ConfigError(f"AtShares shares must be fractions such as '2/3', not {list(shares)}") from None

    def drops(self, epochs: int) -> list[int]:
        """Return an epoch for each share."""
        return [int(share * epochs) for share in self.shares]


ScheduleFactory = Callable[[Optimizer], LRScheduler]
"""Builds a schedule of an optimiser's learning rates: a class of torch's, or ``functools.partial`` of one."""


class CosineDecay(LRScheduler):
    """The learning rate of synthetic images falls along half a cosine over the whole run.

    Args:
        optimizer: The optimiser.
        steps: Steps of the run; filled in where it is left out.
        end: Share of the first learning rate that is left at the end.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
        >>> schedule = CosineDecay(optimizer, steps=100, end=0.0)
        >>> round(schedule.share(50), 6)
        0.5
    """

    def __init__(self, optimizer: Optimizer, steps: int = 0, end: float = 0.05) -> None:
        require({"steps": steps, "end": end}, least=0, of="CosineDecay")
        self.steps = steps
        self.end = end
        super().__init__(optimizer)

    def share(self, step: int) -> float:
        """Return what is left of the first learning rate at a step, counted from 0."""
        done = min(step / self.steps, 1.0) if self.steps else 0.0
        return self.end + (1 - self.end) * (1 + cos(pi * done)) / 2

    def get_lr(self) -> list[float | Tensor]:
        """Return the learning rate of every group."""
        return [base * self.share(self.last_epoch) for base in self.base_lrs]
