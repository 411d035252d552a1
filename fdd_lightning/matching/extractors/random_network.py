"""Features of an untrained network."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from fdd_lightning.matching.extractors.base import Extractor, Gallery, features_of
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.utils.rng import seeded


class RandomNetwork(Extractor):
    """The last feature of a network as it is drawn: the space in which DM matches. One network for the whole selection.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
    """

    def __init__(self, network: NetworkFactory = ConvNet) -> None:
        self.architecture = network

    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Draw the network."""
        with seeded(gallery.seed, "features"):
            network = self.architecture(gallery.num_classes, gallery.real.image_shape)
        return features_of(network, gallery)
