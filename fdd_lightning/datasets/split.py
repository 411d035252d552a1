"""What every construction returns: one split of a data set, before it is written to the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Images of one split with their class and group.

    Attributes:
        images: uint8, (N, C, H, W); or an iterable of such chunks, in order, for sets that do not fit into memory.
        targets: int64, (N,), classes from 0.
        groups: int64, (N,), values of the protected attribute from 0.
    """

    images: Tensor | Iterable[Tensor]
    targets: Tensor
    groups: Tensor
