"""Empirical risk minimisation: plain training."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms.base import Algorithm, Batch
from fdd_lightning.algorithms.regime import Regime
from fdd_lightning.networks import NetworkFactory


class ERM(Algorithm):
    """Mean cross-entropy on the images as they come.

    Args:
        network: Architecture of the network.
        num_classes: Number of classes.
        image_shape: (C, H, W).
        size: Number of training images.
        regime: Optimiser, steps, batches and augmentation of its own; null: those of whoever trains it.
    """

    name = "erm"
    soft_labels = True

    def __init__(
        self,
        network: NetworkFactory,
        num_classes: int,
        image_shape: tuple[int, int, int],
        size: int,
        regime: Regime | None = None,
    ) -> None:
        super().__init__(network, num_classes, image_shape, size, regime)
        self.network = network(num_classes, image_shape)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy, with soft labels where there are any."""
        return cross_entropy(self.network(batch["image"]), batch.get("soft_target", batch["target"]))

    def forward(self, images: Tensor) -> Tensor:
        """Return the network's logits."""
        logits: Tensor = self.network(images)
        return logits
