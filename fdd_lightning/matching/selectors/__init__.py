"""Selectors of real images."""

from fdd_lightning.matching.selectors.base import Selector
from fdd_lightning.matching.selectors.random import Random

__all__ = ["Random", "Selector"]
