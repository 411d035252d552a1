"""How networks are trained: regimes, and the presets of the evaluation among them."""

from fdd_lightning.training.best_epoch import BestEpoch
from fdd_lightning.training.presets import Preset, named, refuse_mixing, regime_of
from fdd_lightning.training.regime import OptimizerFactory, Regime
from fdd_lightning.training.schedules import AtShares, CosineDecay, PastHalf, Schedule, ScheduleFactory

__all__ = [
    "AtShares",
    "BestEpoch",
    "CosineDecay",
    "OptimizerFactory",
    "PastHalf",
    "Preset",
    "Regime",
    "Schedule",
    "ScheduleFactory",
    "named",
    "refuse_mixing",
    "regime_of",
]
