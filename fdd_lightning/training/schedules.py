"""When the learning rate of a training in epochs falls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

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
