"""Distances between signals."""

from fdd_lightning.matching.distances.absolute import Absolute
from fdd_lightning.matching.distances.base import Distance
from fdd_lightning.matching.distances.cosine import LayerCosine
from fdd_lightning.matching.distances.layered import LayeredSquared
from fdd_lightning.matching.distances.squared import Squared

__all__ = ["Absolute", "Distance", "LayerCosine", "LayeredSquared", "Squared"]
