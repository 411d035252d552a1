"""Feature means (distribution matching)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.signals.base import ClassBatch, Layers, Signal
from fdd_lightning.networks import Network


class Features(Signal):
    """The network's last feature, flattened: what DM matches (Zhao & Bilen, WACV 2023).

    Args:
        chunk: Real images per forward pass; bounds the memory, not the result.
    """

    def __init__(self, chunk: int = 512) -> None:
        if chunk < 1:
            raise ConfigError(f"Features chunk must be at least 1, not {chunk}")
        self.chunk = chunk

    def targets(self, network: Network, batches: Sequence[ClassBatch], rows: Sequence[Tensor]) -> list[Layers]:
        """Return the weighted feature means of each class, one layer (T_c, F)."""
        with torch.no_grad():
            images = torch.cat([batch.images for batch in batches])
            features = torch.cat([network.embed(part) for part in images.split(self.chunk)])
            parts = features.split([len(batch.images) for batch in batches])
            return [[w.to(part) @ part] for w, part in zip(rows, parts, strict=True)]

    def synthetic(self, network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        """Return the feature mean of each class's synthetic images, one layer (F,)."""
        features = network.embed(torch.cat([batch.images for batch in batches]))
        return [[part.mean(0)] for part in features.split([len(batch.images) for batch in batches])]
