"""Extractors: the features in which real images are compared when some of them are selected."""

from fdd_lightning.matching.extractors.base import Extractor, Gallery
from fdd_lightning.matching.extractors.bias_encoder import BiasEncoder
from fdd_lightning.matching.extractors.random_network import RandomNetwork
from fdd_lightning.matching.extractors.trained_network import TrainedNetwork

__all__ = ["BiasEncoder", "Extractor", "Gallery", "RandomNetwork", "TrainedNetwork"]
