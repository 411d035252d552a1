"""How much class and group go together: Cramer's V of a table of counts, and what each class's majority is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy.special import chdtrc
from torch import Tensor

from fdd_lightning.datasets.label_table import did_you_mean, shortened
from fdd_lightning.errors import ConfigError

CERTAIN, NOTABLE = 0.01, 0.1
"""Class and group are associated where the p-value is below the first and Cramer's V is at least the second."""


@dataclass(frozen=True)
class Association:
    """Association of class and group.

    Attributes:
        cells: int64, (num_classes, num_groups), counts.
        v: Cramer's V, from 0 (independent) to 1 (one says the other); 0 where there is but one class or group.
        p_value: Of the chi-squared test that they are independent.

    Example:
        >>> association(torch.tensor([[90, 10], [10, 90]])).v
        0.8
    """

    cells: Tensor
    v: float
    p_value: float

    @property
    def notable(self) -> bool:
        """Whether it is neither chance nor negligible."""
        return self.p_value < CERTAIN and self.v >= NOTABLE

    def majority(self) -> Tensor | None:
        """Return each class's largest cell, a bool mask as large as the cells; None where nothing is notable."""
        if not self.notable:
            return None
        return torch.zeros_like(self.cells, dtype=torch.bool).scatter(1, self.cells.argmax(1, keepdim=True), True)

    def __str__(self) -> str:
        """Say it in a few words."""
        chance = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        return f"Cramer's V of class and group {self.v:.2f} ({chance})"


def association(cells: Tensor) -> Association:
    """Measure the association in a table of counts, int64 (num_classes, num_groups); empty lines do not count."""
    table = cells[cells.sum(1) > 0][:, cells.sum(0) > 0].double()
    rows, columns = table.shape
    if min(rows, columns) < 2:
        return Association(cells, 0.0, 1.0)
    total = table.sum()
    expected = table.sum(1, keepdim=True) * table.sum(0, keepdim=True) / total
    squared = float(((table - expected).square() / expected).sum())
    v = math.sqrt(squared / (float(total) * (min(rows, columns) - 1)))
    return Association(cells, v, float(chdtrc((rows - 1) * (columns - 1), squared)))


def named_majority(majority: Mapping[str, str], class_names: Sequence[str], group_names: Sequence[str]) -> Tensor:
    """Return the cells of the group that was named for each class: a bool mask (num_classes, num_groups).

    Raises:
        ConfigError: A class or a group does not exist, or a class is left out.

    Example:
        >>> named_majority({"cat": "night", "dog": "day"}, ["cat", "dog"], ["day", "night"]).long()
        tensor([[0, 1],
                [1, 0]])
    """
    for kind, named, there in (("class", [*majority], class_names), ("group", [*majority.values()], group_names)):
        for name in (name for name in named if name not in there):
            raise ConfigError(
                f"folder: majority: there is no {kind} {name!r}{did_you_mean(name, there)}: name one of "
                f"{shortened(there, mark='; ')}"
            )
    for name in (name for name in class_names if name not in majority):
        raise ConfigError(f"folder: majority says nothing of class {name!r}: name the group that goes with it")
    mask = torch.zeros(len(class_names), len(group_names), dtype=torch.bool)
    mask[range(len(class_names)), [group_names.index(majority[name]) for name in class_names]] = True
    return mask
