"""Losses of networks that learn on real data."""

from fdd_lightning.losses.gce import gce_loss
from fdd_lightning.losses.gsc import gsc_loss, supcon_loss

__all__ = ["gce_loss", "gsc_loss", "supcon_loss"]
