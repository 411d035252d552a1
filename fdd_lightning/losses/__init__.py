"""Losses of networks that learn on real data."""

from fdd_lightning.losses.gsc import gsc_loss, supcon_loss

__all__ = ["gsc_loss", "supcon_loss"]
