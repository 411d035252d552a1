"""Empirical risk minimisation: plain training."""

from __future__ import annotations

from collections.abc import Mapping

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

    @property
    def can_stack(self) -> bool:
        """Whether its network can be stacked; a subclass says so for itself."""
        return type(self) is ERM and self.network.can_stack

    def losses_of_many(self, parameters: Mapping[str, Tensor], batches: Batch) -> Tensor:
        """Return the mean cross-entropy of each network."""
        logits = self.network.forward_many(parameters, batches["image"])
        labels = batches.get("soft_target", batches["target"])
        return cross_entropy(logits.flatten(0, 1), labels.flatten(0, 1), reduction="none").view(len(logits), -1).mean(1)
