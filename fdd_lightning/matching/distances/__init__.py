"""Distances between signals."""

from fdd_lightning.matching.distances.base import Distance
from fdd_lightning.matching.distances.squared import Squared

__all__ = ["Distance", "Squared"]
