"""A fresh random network in every step."""

from __future__ import annotations

from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.networks import ConvNet, Network, NetworkFactory
from fdd_lightning.utils.rng import seeded


class Fresh(Surrogate):
    """A newly drawn, frozen network each step, never trained (DM).

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
    """

    def __init__(self, network: NetworkFactory = ConvNet) -> None:
        self.architecture = network

    def network(self, step: int) -> Network:
        """Return the network of a step; its weights depend on the run's seed and the step only."""
        with seeded(self.seed, "surrogate", step):
            network = self.architecture(self.num_classes, self.image_shape)
        return network.requires_grad_(False).to(self.device)
