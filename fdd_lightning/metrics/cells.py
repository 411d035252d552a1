"""The cells themselves, (class, group): matrices, so no figures of a row."""

from __future__ import annotations

from torch import Tensor

from fdd_lightning.metrics.counts import GroupCounts


class CellAccuracy(GroupCounts):
    """The accuracy of every cell; a matrix, so no figure of a row's ``metrics``.

    Example:
        >>> import torch
        >>> CellAccuracy(num_classes=2, num_groups=1)(torch.tensor([0]), torch.tensor([0]), torch.tensor([0]))
        tensor([[1.],
                [nan]], dtype=torch.float64)
    """

    name = "cell_accuracy"

    def compute(self) -> Tensor:
        """Return the accuracies, float64 (num_classes, num_groups)."""
        return self.cell_accuracy()


class CellCount(GroupCounts):
    """The number of images of every cell; a matrix, so no figure of a row's ``metrics``.

    Example:
        >>> import torch
        >>> CellCount(num_classes=2, num_groups=1)(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([0, 0]))
        tensor([[2],
                [0]])
    """

    name, higher_is_better = "cell_count", None

    def compute(self) -> Tensor:
        """Return the numbers, int64 (num_classes, num_groups)."""
        return self.cell_count()
