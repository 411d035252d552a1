"""MLP: fully connected layers on the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import cast

from torch import Tensor, nn

from fdd_lightning.errors import ConfigError
from fdd_lightning.networks.base import Network


class MLP(Network):
    """Hidden linear layers with ReLU on the flattened image, and a linear classifier.

    Two hidden layers of 128 as in VICO-UoE/DatasetCondensation, ``networks.py``. Last feature: the last hidden layer.

    Args:
        num_classes: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        widths: Units of each hidden layer, at least one layer.

    Example:
        >>> MLP(10, (3, 8, 8), widths=[32]).feature_dim
        32
    """

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int], widths: Sequence[int] = (128, 128)) -> None:
        super().__init__(num_classes, image_shape)
        if not widths or min(widths) < 1:
            raise ConfigError(f"MLP widths must be one or more positive numbers, not {list(widths)}")
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((prod(image_shape), *widths)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        self.feature_dim = widths[-1]
        self.classifier = nn.Linear(self.feature_dim, num_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the last hidden layer, (N, feature_dim)."""
        return cast(Tensor, self.features(x.flatten(1)))
