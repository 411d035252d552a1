"""Surrogates: the networks through which images are compared."""

from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.matching.surrogates.fresh import Fresh

__all__ = ["Fresh", "Surrogate"]
