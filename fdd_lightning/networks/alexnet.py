"""AlexNet in the small form of the dataset-distillation papers."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from fdd_lightning.networks.base import Network
from fdd_lightning.networks.layers import extra_padding


class AlexNet(Network):
    """Five convolutions, three max-poolings, no normalisation (VICO-UoE/DatasetCondensation, ``networks.py``).

    Last feature: the flattened map, 3072 long at 32x32 pixels.

    Args:
        num_classes: Linked from the data.
        image_shape: (C, H, W); linked from the data; at least 8x8 pixels.

    Example:
        >>> AlexNet(10, (3, 32, 32)).feature_dim
        3072
    """

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__(num_classes, image_shape)
        channels, height, width = image_shape
        if min(height, width) < 8:
            raise self.too_small(8)
        extra = extra_padding(image_shape)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 128, kernel_size=5, padding=2 + extra),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(128, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(192, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 192, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(192, 192, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.feature_dim = 192 * ((height + 2 * extra) // 8) * ((width + 2 * extra) // 8)
        self.classifier = nn.Linear(self.feature_dim, num_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the flattened last map, (N, feature_dim)."""
        return cast(Tensor, self.features(x)).flatten(1)
