"""Sources: what the distiller takes for its real images."""

from fdd_lightning.matching.sources.as_is import AsIs
from fdd_lightning.matching.sources.base import Source
from fdd_lightning.matching.sources.mixes import Mixes

__all__ = ["AsIs", "Mixes", "Source"]
