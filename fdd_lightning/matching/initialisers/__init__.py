"""Initialisers of synthetic images."""

from fdd_lightning.matching.initialisers.base import Initialiser
from fdd_lightning.matching.initialisers.kmeans import KMeansImages
from fdd_lightning.matching.initialisers.noise import Noise
from fdd_lightning.matching.initialisers.real import Real

__all__ = ["Initialiser", "KMeansImages", "Noise", "Real"]
