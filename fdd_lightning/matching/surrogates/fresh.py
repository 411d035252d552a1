"""A fresh random network in every step."""

from __future__ import annotations

from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.networks import ConvNet, Network, NetworkFactory
from fdd_lightning.utils.rng import seeded


class Fresh(Surrogate):
    """A newly drawn, frozen network each step, never trained (DM).

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.

    Example:
        >>> import torch
        >>> surrogate = Fresh()
        >>> surrogate.prepare(10, (3, 32, 32), images_per_class=1, seed=0, device=torch.device("cpu"))
        >>> surrogate.network(step=0) is surrogate.network(step=1)
        False
    """

    def __init__(self, network: NetworkFactory = ConvNet) -> None:
        self.architecture = network

    def network(self, step: int) -> Network:
        """Return the network of a step; its weights depend on the run's seed and the step only."""
        with seeded(self.seed, "surrogate", step):
            network = self.architecture(self.num_classes, self.image_shape)
        return network.requires_grad_(False).to(self.device)
