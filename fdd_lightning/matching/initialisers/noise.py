"""Noise."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.initialisers.base import Initialiser


class Noise(Initialiser):
    """Standard normal noise in normalised pixel space (DC, DSA; Cui et al. for every method)."""

    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return N(0, 1) pixels, drawn in single precision whatever the run's."""
        return torch.randn(count, *data.image_shape, generator=generator, dtype=torch.float32)
