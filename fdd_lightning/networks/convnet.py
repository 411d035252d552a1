"""ConvNet: the network of the dataset-distillation papers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from fdd_lightning.networks.base import Network
from fdd_lightning.networks.layers import (
    Activation,
    Norm,
    Pooling,
    activation_layer,
    extra_padding,
    norm_layers,
    pooling_layers,
)
from fdd_lightning.networks.many import can_group, grouped, linear, mapped
from fdd_lightning.utils.checks import require

LARGEST_AT_3 = 64
"""Pixels up to which three blocks are enough: DM's code and FairDD's take as many at 32 and at 64."""


class ConvNet(Network):
    """Blocks of convolution 3x3, normalisation, activation and 2x2 pooling, and one linear classifier.

    The network of DC, DSA and DM (Zhao & Bilen; ``networks.py`` of VICO-UoE/DatasetCondensation), width 128 unless
    said, and depth 3 for images of up to 64 pixels. Larger ones take a block more for each doubling, as MTT's code has
    it (5 at 128 pixels), so that the last map is 4 to 7 pixels wide. Last feature: the flattened map, 2048 long at
    32x32 pixels and 8192 at 64x64. Parameters: 320,010 for (3, 32, 32) and 10 classes. Plain MNIST images (1, 28, 28)
    are padded to 32x32 by the first convolution.

    Args:
        depth: Number of blocks; null for as many as the size of the images asks for.
        width: Channels of every block.
        norm: ``instance`` (group normalisation with one group per channel, affine), ``batch``, ``layer``, ``group``
            (four groups) or ``none``.
        activation: ``relu``, ``leaky_relu`` or ``sigmoid``.
        pooling: ``avg``, ``max`` or ``none`` (the map then keeps its size, and the classifier grows with it).

    Example:
        >>> import torch
        >>> ConvNet(10, (3, 32, 32)).embed(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 2048])
    """

    pure = True
    classifier: nn.Linear

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        depth: int | None = None,
        width: int = 128,
        norm: Norm = "instance",
        activation: Activation = "relu",
        pooling: Pooling = "avg",
    ) -> None:
        super().__init__(num_classes, image_shape)
        depth = self.by_size(self.image_shape)["depth"] if depth is None else depth
        require({"depth": depth, "width": width}, least=1, of="ConvNet")
        self.depth = depth
        channels, height, columns = image_shape
        extra = extra_padding(image_shape)
        height, columns = height + 2 * extra, columns + 2 * extra
        if pooling != "none" and min(height, columns) >> depth == 0:
            raise self.too_small(1 << depth)
        layers: list[nn.Module] = []
        for block in range(depth):
            padding = 1 if block else 1 + extra
            layers.append(nn.Conv2d(width if block else channels, width, kernel_size=3, padding=padding))
            layers += norm_layers(norm, (width, height, columns))
            layers.append(activation_layer(activation))
            layers += pooling_layers(pooling)
            if pooling != "none":
                height, columns = height // 2, columns // 2
        self.stack(layers, width * height * columns)

    @classmethod
    def by_size(cls, image_shape: tuple[int, int, int]) -> dict[str, int]:
        """Return the number of blocks for images of a shape."""
        shorter = min(image_shape[1:])
        return {"depth": 3 if shorter <= LARGEST_AT_3 else shorter.bit_length() - 3}

    def embed(self, x: Tensor) -> Tensor:
        """Return the flattened output of the last block, (N, feature_dim)."""
        return cast(Tensor, self.features(x)).flatten(1)

    def forward_many(self, parameters: Mapping[str, Tensor], images: Tensor) -> Tensor:
        """Return the logits of several networks, by grouped convolutions where the layers allow."""
        if type(self) is not ConvNet or not can_group(self.features):
            return mapped(self, parameters, images)
        features = grouped(self.features, "features.", parameters, images).flatten(2)
        return linear(self.classifier, "classifier.", parameters, features)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return each block's activations before pooling, (N, width, H, W), and last the flattened last feature."""
        maps = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU | nn.LeakyReLU | nn.Sigmoid):
                maps.append(x)
        return [*maps, x.flatten(1)]
