"""Means of several layers (CAFE)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.signals.base import ClassBatch, Layers, Signal
from fdd_lightning.networks import ConvNet, Network


class Maps(Signal):
    """The activations of every block of a ConvNet, and its last feature (CAFE; Wang et al., CVPR 2022).

    One layer per block, taken before its pooling, then the last feature: with the usual three blocks four layers. The
    mean over images is matched, not the images one by one.
    """

    def targets(self, network: Network, batches: Sequence[ClassBatch], rows: Sequence[Tensor]) -> list[Layers]:
        """Return the weighted mean of each layer, per class and layer (T_c, *shape)."""
        with torch.no_grad():
            layers = self._layers(network, batches)
        return [
            [torch.einsum("tn,n...->t...", w.to(part), part) for part in parts]
            for w, parts in zip(rows, layers, strict=True)
        ]

    def synthetic(self, network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        """Return the mean of each layer over each class's synthetic images, per class and layer (*shape)."""
        return [[part.mean(0) for part in parts] for parts in self._layers(network, batches)]

    @staticmethod
    def _layers(network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        if not isinstance(network, ConvNet):
            raise ConfigError(
                f"signal Maps reads the blocks of a ConvNet, not of {type(network).__name__}: use ConvNet"
            )
        maps = network.maps(torch.cat([batch.images for batch in batches]))
        sizes = [len(batch.images) for batch in batches]
        return [list(parts) for parts in zip(*(layer.split(sizes) for layer in maps), strict=True)]
