"""LeNet: two small convolutions and three linear layers."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from fdd_lightning.networks.base import Network
from fdd_lightning.networks.layers import extra_padding


class LeNet(Network):
    """LeNet-5 with ReLU and max-pooling (VICO-UoE/DatasetCondensation, ``networks.py``).

    Last feature: the second linear layer, 84 long. Other image sizes than 32 change the first linear layer only.

    Args:
        num_classes: Linked from the data.
        image_shape: (C, H, W); linked from the data; at least 16x16 pixels.

    Example:
        >>> LeNet(10, (3, 32, 32)).feature_dim
        84
    """

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__(num_classes, image_shape)
        channels, height, width = image_shape
        if min(height, width) < 16:
            raise self.too_small(16)
        extra = extra_padding(image_shape)
        height, width = (((size + 2 * extra - 4) // 2 - 4) // 2 for size in (height, width))
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, kernel_size=5, padding=extra),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * height * width, 120),
            nn.ReLU(inplace=True),
            nn.Linear(120, 84),
            nn.ReLU(inplace=True),
        )
        self.feature_dim = 84
        self.classifier = nn.Linear(self.feature_dim, num_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the second linear layer after its ReLU, (N, 84)."""
        return cast(Tensor, self.features(x))
