"""What learners share that read group labels: cells of class and group, and images drawn equally often from each."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.algorithms.base import Algorithm, Batch
from fdd_lightning.errors import ConfigError


def refuse_groups(learner: type, train_on: str, num_groups: int) -> None:
    """Refuse a learner that reads group labels where there are none.

    Args:
        learner: Its class.
        train_on: ``synthetic`` or ``real``.
        num_groups: Number of groups of the real set.

    Raises:
        ConfigError: With the alternative.
    """
    if not getattr(learner, "needs_groups", False) or (train_on == "real" and num_groups > 1):
        return
    name = getattr(learner, "name", learner.__name__)
    where, instead = ("a synthetic set", "train it on the real set (in a recipe: method full), or ")
    if num_groups < 2:
        where, instead = "this data set", ""
    raise ConfigError(
        f"trainer {name} needs group labels, and {where} has none: {instead}take lff, dfa or selecmix, which need none"
    )


class GroupAlgorithm(Algorithm):
    """Base of learners that read group labels; a cell is a pair of class and group, numbered class by class.

    Attributes:
        num_groups: Number of groups.
        sizes: float (num_classes * num_groups,), training images of each cell.
    """

    needs_groups = True
    num_groups: int
    sizes: Tensor

    def prepare(self, targets: Tensor, groups: Tensor | None = None, num_groups: int = 1) -> None:
        """Count the cells.

        Raises:
            ConfigError: There are no groups.
        """
        refuse_groups(type(self), "synthetic" if groups is None else "real", num_groups)
        if groups is None:
            return
        self.num_groups = num_groups
        cells = targets * num_groups + groups
        dtype = next(self.parameters()).dtype
        sizes = torch.bincount(cells, minlength=self.num_classes * num_groups).to(dtype)
        self.register_buffer("sizes", sizes, persistent=False)

    def cells(self, batch: Batch) -> Tensor:
        """Return the cells (n,) of a batch's images."""
        return batch["target"] * self.num_groups + batch["group"]

    def balance(self, targets: Tensor, groups: Tensor) -> Tensor:
        """Return the weight of every training image with which all cells that have any weigh the same; its mean is 1.

        Args:
            targets: int64 (size,).
            groups: int64 (size,).
        """
        present = int((self.sizes > 0).sum())
        return len(targets) / present / self.sizes[targets * self.num_groups + groups]
