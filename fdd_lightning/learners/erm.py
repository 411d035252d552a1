"""Empirical risk minimisation: plain training."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.learners.base import Learner
from fdd_lightning.networks import NetworkFactory


class ERM(Learner):
    """Mean cross-entropy on the images as they come."""

    name = "erm"

    def __init__(self, network: NetworkFactory, num_classes: int, image_shape: tuple[int, int, int], size: int) -> None:
        super().__init__(network, num_classes, image_shape, size)
        self.network = network(num_classes, image_shape)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the mean cross-entropy."""
        return cross_entropy(self.network(batch["image"]), batch["target"])

    def forward(self, images: Tensor) -> Tensor:
        """Return the network's logits."""
        logits: Tensor = self.network(images)
        return logits
