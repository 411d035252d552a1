"""VGG11 in the small form of the dataset-distillation papers."""

from __future__ import annotations

from typing import Final, cast

from torch import Tensor, nn

from fdd_lightning.networks.base import Network
from fdd_lightning.networks.layers import Norm, extra_padding, norm_layers

STAGES: Final = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Channels of the convolutions between two poolings."""


class VGG11(Network):
    """Eight convolutions 3x3 with normalisation, five max-poolings (VICO-UoE/DatasetCondensation, ``networks.py``).

    Last feature: the flattened map, 512 long at 32x32 pixels. On smaller images a pooling is left out where it would
    leave one pixel to the convolutions that follow: instance normalisation of one pixel is a constant.

    Args:
        num_classes: Linked from the data.
        image_shape: (C, H, W); linked from the data; at least 2x2 pixels.
        norm: ``instance`` (the reference's), ``batch``, ``layer``, ``group`` or ``none``.

    Example:
        >>> VGG11(10, (3, 32, 32)).feature_dim
        512
    """

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int], norm: Norm = "instance") -> None:
        super().__init__(num_classes, image_shape)
        channels, height, width = image_shape
        if min(height, width) < 2:
            raise self.too_small(2)
        extra = extra_padding(image_shape)
        height, width = height + 2 * extra, width + 2 * extra
        layers: list[nn.Module] = []
        for stage, plan in enumerate(STAGES):
            for outputs in plan:
                padding = 1 if layers else 1 + extra
                layers.append(nn.Conv2d(channels, outputs, kernel_size=3, padding=padding))
                layers += norm_layers(norm, (outputs, height, width))
                layers.append(nn.ReLU(inplace=True))
                channels = outputs
            last = stage == len(STAGES) - 1
            if min(height, width) >= (2 if last else 4):
                layers.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
        self.features = nn.Sequential(*layers)
        self.feature_dim = channels * height * width
        self.classifier = nn.Linear(self.feature_dim, num_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the flattened last map, (N, feature_dim)."""
        return cast(Tensor, self.features(x)).flatten(1)
