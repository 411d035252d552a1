"""The small classics beside ConvNet in the dataset-distillation papers: MLP, LeNet, AlexNet and VGG11."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Final, cast

from torch import Tensor, nn

from fdd_lightning.errors import ConfigError
from fdd_lightning.networks.base import Network
from fdd_lightning.networks.layers import Norm, extra_padding, norm_layers

STAGES: Final = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Channels of the convolutions between two poolings."""


class MLP(Network):
    """Hidden linear layers with ReLU on the flattened image, and a linear classifier.

    Two hidden layers of 128 as in VICO-UoE/DatasetCondensation, ``networks.py``. Last feature: the last hidden layer.

    Args:
        widths: Units of each hidden layer, at least one layer.

    Example:
        >>> MLP(10, (3, 8, 8), widths=[32]).feature_dim
        32
    """

    pure = True

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int], widths: Sequence[int] = (128, 128)) -> None:
        super().__init__(num_classes, image_shape)
        if not widths or min(widths) < 1:
            raise ConfigError(f"MLP widths must be one or more positive numbers, not {list(widths)}")
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((prod(image_shape), *widths)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        self.stack(layers, widths[-1])

    def embed(self, x: Tensor) -> Tensor:
        """Return the last hidden layer, (N, feature_dim)."""
        return cast(Tensor, self.features(x.flatten(1)))


class LeNet(Network):
    """LeNet-5 with ReLU and max-pooling (VICO-UoE/DatasetCondensation, ``networks.py``).

    Last feature: the second linear layer, 84 long. Other image sizes than 32, at least 16, change the
    first linear layer only.

    Example:
        >>> LeNet(10, (3, 32, 32)).feature_dim
        84
    """

    pure = True

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__(num_classes, image_shape)
        channels, height, width = image_shape
        if min(height, width) < 16:
            raise self.too_small(16)
        extra = extra_padding(image_shape)
        height, width = (((size + 2 * extra - 4) // 2 - 4) // 2 for size in (height, width))
        layers = [
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
        ]
        self.stack(layers, 84)

    def embed(self, x: Tensor) -> Tensor:
        """Return the second linear layer after its ReLU, (N, 84)."""
        return cast(Tensor, self.features(x))


class AlexNet(Network):
    """Five convolutions, three max-poolings, no normalisation (VICO-UoE/DatasetCondensation, ``networks.py``).

    Last feature: the flattened map, 3072 long at 32x32 pixels; images need at least 8x8.

    Example:
        >>> AlexNet(10, (3, 32, 32)).feature_dim
        3072
    """

    pure = True

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__(num_classes, image_shape)
        channels, height, width = image_shape
        if min(height, width) < 8:
            raise self.too_small(8)
        extra = extra_padding(image_shape)
        layers = [
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
        ]
        self.stack(layers, 192 * ((height + 2 * extra) // 8) * ((width + 2 * extra) // 8))

    def embed(self, x: Tensor) -> Tensor:
        """Return the flattened last map, (N, feature_dim)."""
        return cast(Tensor, self.features(x)).flatten(1)


class VGG11(Network):
    """Eight convolutions 3x3 with normalisation, five max-poolings (VICO-UoE/DatasetCondensation, ``networks.py``).

    Last feature: the flattened map, 512 long at 32x32 pixels. On smaller images a pooling is left out where it would
    leave one pixel to the convolutions that follow: instance normalisation of one pixel is a constant. At least
    2x2 pixels are needed.

    Args:
        norm: ``instance`` (the reference's), ``batch``, ``layer``, ``group`` or ``none``.

    Example:
        >>> VGG11(10, (3, 32, 32)).feature_dim
        512
    """

    pure = True

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
        self.stack(layers, channels * height * width)

    def embed(self, x: Tensor) -> Tensor:
        """Return the flattened last map, (N, feature_dim)."""
        return cast(Tensor, self.features(x)).flatten(1)
