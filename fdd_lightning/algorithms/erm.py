"""Empirical risk minimisation: plain training."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms.base import Algorithm, Batch


class ERM(Algorithm):
    """Mean cross-entropy on the images as they come; arguments as of every :class:`Algorithm`.

    Example:
        >>> import torch
        >>> from fdd_lightning.networks import MLP
        >>> algorithm = ERM(MLP, num_classes=10, image_shape=(3, 16, 16), size=1000)
        >>> algorithm(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 10])
    """

    name = "erm"
    soft_labels = True

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy, with soft labels where there are any."""
        return cross_entropy(self.network(batch["image"]), batch.get("soft_target", batch["target"]))
