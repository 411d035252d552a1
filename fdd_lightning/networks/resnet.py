"""ResNet18 for small images."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast

import torch
from torch import Tensor, nn

from fdd_lightning.networks.base import Network
from fdd_lightning.networks.layers import require_known
from fdd_lightning.utils.checks import require

ResNetNorm: TypeAlias = Literal["batch", "instance"]


class ResNet18(Network):
    """ResNet18 with a 3x3 stem of stride 1, no max-pooling, and global average pooling.

    The network for cross-architecture scores (VICO-UoE/DatasetCondensation, ``networks.py``, with ``norm: instance``)
    and the backbone of the bias encoder (SelecMix, ``module/resnet_big.py``, with batch normalisation and
    ``init: kaiming``). Last feature: 8 x ``width`` long, 512 unless said, at every image size.

    Args:
        norm: ``batch``, or ``instance`` (one group per channel, affine).
        width: Channels of the first of the four stages; each later one doubles them.
        init: Start of the convolutions: ``torch`` (torch's default) or ``kaiming`` (normal, fan-out).

    Example:
        >>> ResNet18(10, (3, 32, 32), width=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    pure = True

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        norm: ResNetNorm = "batch",
        width: int = 64,
        init: Literal["torch", "kaiming"] = "torch",
    ) -> None:
        super().__init__(num_classes, image_shape)
        require_known("norm of ResNet18", norm, ("batch", "instance"))
        require_known("init of ResNet18", init, ("torch", "kaiming"))
        require({"width": width}, least=1, of="ResNet18")
        if norm == "instance" and min(image_shape[1:]) < 9:
            raise self.too_small(9)  # the last stage would see one pixel, whose instance normalisation is a constant
        channels = image_shape[0]
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False),
            _norm(norm, width),
            nn.ReLU(inplace=True),
        ]
        inputs = width
        for stage in range(4):
            outputs = width << stage
            layers += [_Block(inputs, outputs, 2 if stage else 1, norm), _Block(outputs, outputs, 1, norm)]
            inputs = outputs
        self.stack(layers, inputs)
        if init == "kaiming":
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean of the last map over its pixels, (N, feature_dim)."""
        return cast(Tensor, self.features(x)).mean((2, 3))


class _Block(nn.Module):
    """Two convolutions 3x3 beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: ResNetNorm) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
            _norm(norm, outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False),
            _norm(norm, outputs),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut.append(nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False))
            self.shortcut.append(_norm(norm, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.branch(x) + self.shortcut(x))


def _norm(name: ResNetNorm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if name == "batch" else nn.GroupNorm(channels, channels)
