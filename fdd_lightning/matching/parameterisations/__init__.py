"""Parameterisations of synthetic images."""

from fdd_lightning.matching.parameterisations.base import Parameterisation
from fdd_lightning.matching.parameterisations.pixels import Pixels

__all__ = ["Parameterisation", "Pixels"]
