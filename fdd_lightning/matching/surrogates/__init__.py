"""Surrogates: the networks through which images are compared."""

from fdd_lightning.matching.surrogates.base import Lesson, Surrogate
from fdd_lightning.matching.surrogates.frozen import Fresh, Frozen
from fdd_lightning.matching.surrogates.on_real import OnReal
from fdd_lightning.matching.surrogates.on_synthetic import OnSynthetic
from fdd_lightning.matching.surrogates.queue import Queue
from fdd_lightning.matching.surrogates.saturating import Saturating

__all__ = ["Fresh", "Frozen", "Lesson", "OnReal", "OnSynthetic", "Queue", "Saturating", "Surrogate"]
