"""Weightings: which mean of the real images is matched."""

from fdd_lightning.matching.evidence import Evidence, Gallery
from fdd_lightning.matching.weightings.barycenter import Barycenter
from fdd_lightning.matching.weightings.base import Weigher, Weighting, WeightMatrix, single_row
from fdd_lightning.matching.weightings.fairdd import FairDD
from fdd_lightning.matching.weightings.group_kde import GroupKDE
from fdd_lightning.matching.weightings.inverse_frequency import InverseFrequency
from fdd_lightning.matching.weightings.kde import KDE
from fdd_lightning.matching.weightings.vanilla import Vanilla
from fdd_lightning.matching.weightings.vote import Vote

__all__ = [
    "KDE",
    "Barycenter",
    "Evidence",
    "FairDD",
    "Gallery",
    "GroupKDE",
    "InverseFrequency",
    "Vanilla",
    "Vote",
    "Weigher",
    "WeightMatrix",
    "Weighting",
    "single_row",
]
