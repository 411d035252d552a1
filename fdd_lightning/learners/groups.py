"""What learners share that read group labels: cells of class and group, and images drawn equally often from each."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.learners.base import Batch, Learner


class GroupLearner(Learner):
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
        if groups is None or num_groups < 2:
            raise ConfigError(
                f"trainer {self.name} needs group labels, and the training set has none: take lff, dfa or selecmix"
            )
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
