"""Plain pixels."""

from __future__ import annotations

from torch import Tensor

from fdd_lightning.matching.parameterisations.base import Parameterisation


class Pixels(Parameterisation):
    """Every synthetic image is stored as its normalised pixels, never clamped (DC, DSA, DM)."""

    name = "pixels"

    def decode(self, stored: Tensor) -> Tensor:
        """Return the images as they are stored."""
        return stored

    def encode(self, images: Tensor) -> Tensor:
        """Return the images as they are."""
        return images
