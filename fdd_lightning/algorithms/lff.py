"""LfF: learning from failure."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms.base import Algorithm, Batch
from fdd_lightning.algorithms.difficulty import RelativeDifficulty, weigh
from fdd_lightning.losses import gce_loss
from fdd_lightning.networks import Network, NetworkFactory
from fdd_lightning.training import Regime


class LfF(Algorithm):
    """Two networks from scratch: one learns the bias, the other what the first fails on; needs no group labels.

    Nam et al., *Learning from Failure*, NeurIPS 2020. The loss is

        mean(GCE of the biased network) + mean(w CE of the debiased network)

    with w the relative difficulty (see :class:`~fdd_lightning.algorithms.difficulty.RelativeDifficulty`).

    Args:
        q: Exponent of the generalised cross-entropy.
        momentum: Weight of the remembered loss when a new one comes in.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> [part for part, _ in LfF(MLP, num_classes=10, image_shape=(3, 16, 16), size=1000).named_children()]
        ['network', 'biased', 'difficulty']
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
        self.biased = network(num_classes, image_shape)
        self.difficulty = RelativeDifficulty(size, num_classes, momentum)

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum of both networks' losses, which share no parameter."""
        return lff_loss(self, self.biased, self.difficulty, self.q, batch)


def lff_loss(algorithm: Algorithm, biased: Network, difficulty: RelativeDifficulty, q: float, batch: Batch) -> Tensor:
    """Return LfF's loss of an algorithm that has a biased network beside its own (see :class:`LfF`)."""
    targets = batch["target"]
    logits = biased(batch["image"])
    losses = cross_entropy(algorithm.network(batch["image"]), targets, reduction="none")
    weights = weigh(algorithm, difficulty, cross_entropy(logits, targets, reduction="none"), losses, batch)
    return (weights * losses).mean() + gce_loss(logits, targets, q).mean()
