"""LfF: learning from failure."""

from __future__ import annotations

from typing import cast

from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms.base import Algorithm, Batch
from fdd_lightning.algorithms.difficulty import RelativeDifficulty
from fdd_lightning.algorithms.regime import Regime
from fdd_lightning.losses import gce_loss
from fdd_lightning.networks import NetworkFactory


class LfF(Algorithm):
    """Two networks from scratch: one learns the bias, the other what the first fails on; needs no group labels.

    Nam et al., *Learning from Failure*, NeurIPS 2020. The loss is

        mean(GCE of the biased network) + mean(w CE of the debiased network)

    with w the relative difficulty (see :class:`~fdd_lightning.algorithms.difficulty.RelativeDifficulty`).

    Args:
        network: Architecture of both networks.
        num_classes: Number of classes.
        image_shape: (C, H, W).
        size: Number of training images.
        regime: Optimiser, steps, batches and augmentation of its own; null: those of whoever trains it.
        q: Exponent of the generalised cross-entropy.
        momentum: Weight of the remembered loss when a new one comes in.
    """

    name = "lff"
    memory = ("difficulty",)

    def __init__(
        self,
        network: NetworkFactory,
        num_classes: int,
        image_shape: tuple[int, int, int],
        size: int,
        regime: Regime | None = None,
        q: float = 0.7,
        momentum: float = 0.7,
    ) -> None:
        super().__init__(network, num_classes, image_shape, size, regime)
        self.q = q
        self.network = network(num_classes, image_shape)
        self.biased = network(num_classes, image_shape)
        self.difficulty = RelativeDifficulty(size, num_classes, momentum)

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum of both networks' losses, which share no parameter."""
        targets = batch["target"]
        logits = self.biased(batch["image"])
        losses = cross_entropy(self.network(batch["image"]), targets, reduction="none")
        weights = weigh(self, self.difficulty, cross_entropy(logits, targets, reduction="none"), losses, batch)
        return (weights * losses).mean() + gce_loss(logits, targets, self.q).mean()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the debiased network."""
        return cast(Tensor, self.network(images))


def weigh(learner: Algorithm, difficulty: RelativeDifficulty, biased: Tensor, debiased: Tensor, batch: Batch) -> Tensor:
    """Return the relative difficulty of a batch's images, remembering those of all processes.

    Args:
        learner: The learner, which knows whether processes share the batch.
        difficulty: Its memory of losses.
        biased: Cross-entropy under the biased network, (n,).
        debiased: Cross-entropy under the debiased network, (n,).
        batch: With ``target`` and ``index``.

    Returns:
        (n,), without gradient.
    """
    seen = (biased.detach(), debiased.detach(), batch["target"], batch["index"])
    weights: Tensor = difficulty(*map(learner.everyone, seen))
    return learner.mine(weights)
