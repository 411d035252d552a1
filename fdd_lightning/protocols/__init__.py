"""Protocols: how networks are trained when a set is evaluated."""

from fdd_lightning.protocols.protocol import Protocol, named, refuse_mixing
from fdd_lightning.protocols.schedules import AtShares, PastHalf, Schedule

__all__ = ["AtShares", "PastHalf", "Protocol", "Schedule", "named", "refuse_mixing"]
