"""Selectors of real images."""

from fdd_lightning.matching.selectors.base import Selector
from fdd_lightning.matching.selectors.herding import Herding
from fdd_lightning.matching.selectors.k_center import KCenter
from fdd_lightning.matching.selectors.random import Random

__all__ = ["Herding", "KCenter", "Random", "Selector"]
