"""The real images as they are."""

from __future__ import annotations

import torch

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.sources.base import Source


class AsIs(Source):
    """The training set itself."""

    def images(self, real: ImageSet, classifier: Algorithm | None, seed: int, device: torch.device) -> ImageSet:
        """Return the training set."""
        return real
