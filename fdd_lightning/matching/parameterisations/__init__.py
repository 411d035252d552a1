"""Parameterisations of synthetic images."""

from fdd_lightning.matching.parameterisations.base import Parameterisation
from fdd_lightning.matching.parameterisations.cells import MultiFormation, PartitionExpand
from fdd_lightning.matching.parameterisations.pixels import Pixels

__all__ = ["MultiFormation", "Parameterisation", "PartitionExpand", "Pixels"]
