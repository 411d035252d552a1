"""Group DRO: the worst group counts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from fdd_lightning.algorithms.base import Batch
from fdd_lightning.algorithms.group_labels import GroupAlgorithm
from fdd_lightning.utils.checks import require


class GroupDRO(GroupAlgorithm):
    """Minimises the loss of the worst cell of class and group, by weights that grow with each cell's loss.

    Sagawa et al., *Distributionally Robust Neural Networks for Group Shifts*, ICLR 2020, algorithm 1; ``loss.py`` of
    its code. With l_g the mean cross-entropy of a batch's images in cell g (0 where there are none):

        q_g <- q_g exp(step_size (l_g + adjustment / sqrt(n_g))), normalised;    loss = sum_g q_g l_g

    Needs group labels, so it cannot train on a synthetic set.

    Args:
        step_size: Step size of the weights.
        adjustment: Constant C of the generalisation adjustment; n_g are the training images of a cell.
        balanced: Draw images from all cells equally often, with replacement, as published.

    Raises:
        ConfigError: A number is negative.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> algorithm = GroupDRO(MLP, num_classes=2, image_shape=(3, 16, 16), size=3)
        >>> algorithm.prepare(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]), num_groups=2)
        >>> (3 * algorithm.q).tolist()
        [1.0, 1.0, 1.0, 0.0]
    """

    name = "group_dro"
    memory = ("q",)
    q: Tensor

    def __init__(
        self, *args: Any, step_size: float = 0.01, adjustment: float = 0.0, balanced: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        require({"step_size": step_size, "adjustment": adjustment}, least=0, of="GroupDRO")
        self.step_size = step_size
        self.adjustment = adjustment
        self.balanced = balanced

    def prepare(self, targets: Tensor, groups: Tensor | None = None, num_groups: int = 1) -> None:
        """Give all cells that have images the same weight."""
        super().prepare(targets, groups, num_groups)
        present = self.sizes > 0
        self.register_buffer("q", present.to(self.sizes.dtype) / present.sum())

    def loss(self, batch: Batch) -> Tensor:
        """Move the weights, then return the weighted loss."""
        cells = self.cells(batch)
        losses = cross_entropy(self.network(batch["image"]), batch["target"], reduction="none")
        own_weights = self._weights(cells, losses.detach())[cells]
        processes = len(self.everyone(cells)) // len(cells)
        return (own_weights * losses).sum() * processes  # gradients are averaged over processes

    @torch.no_grad()
    def _weights(self, cells: Tensor, losses: Tensor) -> Tensor:
        """Move q and return the weight of an image of each cell, q_g over the number of the batch's images in it."""
        member = one_hot(self.everyone(cells), len(self.q)).to(self.q.dtype)
        counts = member.sum(0)
        # A product, not a scatter: on a GPU that would add up in any order.
        means = member.T @ self.everyone(losses).to(self.q.dtype) / counts.clamp(min=1)
        adjusted = means + self.adjustment / self.sizes.clamp(min=1).sqrt()
        self.q.copy_((self.q.log() + self.step_size * adjusted).softmax(0))
        return self.q / counts.clamp(min=1)
