"""What every construction returns: one split of a data set, before it is written to the cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Images of one split with their class and group.

    Attributes:
        images: uint8, (N, C, H, W); or an iterable of such chunks, in order, for sets that do not fit into memory.
        targets: int64, (N,), classes from 0.
        groups: int64, (N,), values of the protected attribute from 0.
        left_out: How many source images were not used, by reason, where that is worth telling; goes to the manifest.
    """

    images: Tensor | Iterable[Tensor]
    targets: Tensor
    groups: Tensor
    left_out: Mapping[str, int] = field(default_factory=dict)
