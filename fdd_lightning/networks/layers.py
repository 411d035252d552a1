"""The layers that the networks have in common, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

from torch import nn

from fdd_lightning.errors import ConfigError
from fdd_lightning.networks.pooling import AvgPool2x2

Norm: TypeAlias = Literal["none", "instance", "batch", "layer", "group"]
Activation: TypeAlias = Literal["relu", "leaky_relu", "sigmoid"]
Pooling: TypeAlias = Literal["avg", "max", "none"]


def require_known(what: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that is not one of those known.

    Raises:
        ConfigError: Names them.
    """
    if name not in known:
        raise ConfigError(f"unknown {what} {name!r}: use one of {', '.join(known)}")


def norm_layers(name: Norm, shape: tuple[int, int, int]) -> list[nn.Module]:
    """Return the normalisation for a map of ``shape`` (C, H, W) as a list of at most one affine layer.

    ``instance`` is a group normalisation with one group per channel, as in the reference. Measured on a CPU, a whole
    ConvNet is 15 to 90 percent slower with ``torch.nn.functional.instance_norm``, which gives the same values.

    Raises:
        ConfigError: The name is unknown, or ``group`` (four groups) does not divide the channels.
    """
    require_known("norm", name, get_args(Norm))
    channels = shape[0]
    if name == "instance":
        return [nn.GroupNorm(channels, channels)]
    if name == "batch":
        return [nn.BatchNorm2d(channels)]
    if name == "layer":
        return [nn.LayerNorm(shape)]
    if name == "group":
        if channels % 4:
            raise ConfigError(f"norm 'group' has 4 groups, which {channels} channels do not fill: use a multiple of 4")
        return [nn.GroupNorm(4, channels)]
    return []


def activation_layer(name: Activation) -> nn.Module:
    """Return the activation (``leaky_relu`` with slope 0.01).

    The rectifiers work in place: nothing else needs their input, and a pass over the largest maps is saved.
    """
    require_known("activation", name, get_args(Activation))
    if name == "sigmoid":
        return nn.Sigmoid()
    return nn.ReLU(inplace=True) if name == "relu" else nn.LeakyReLU(0.01, inplace=True)


def pooling_layers(name: Pooling) -> list[nn.Module]:
    """Return 2x2 pooling with stride 2 as a list of at most one layer."""
    require_known("pooling", name, get_args(Pooling))
    if name == "none":
        return []
    return [AvgPool2x2() if name == "avg" else nn.MaxPool2d(2)]


def extra_padding(image_shape: tuple[int, int, int]) -> int:
    """Return 2 for plain MNIST images (1, 28, 28), which the first convolution then widens to 32x32, else 0.

    The reference widens every one-channel input and treats every 28-pixel image as one of 32, so that it cannot take
    coloured images of 28 pixels; here those keep their size.
    """
    return 2 if tuple(image_shape) == (1, 28, 28) else 0
