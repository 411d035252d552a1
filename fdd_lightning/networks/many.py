"""Several networks of one architecture computed as one, their parameters stacked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from fdd_lightning.networks.pooling import AvgPool2x2

ALIKE = (nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.AvgPool2d, AvgPool2x2, nn.MaxPool2d)
"""Layers that treat every channel by itself: they take the channels of all networks side by side."""


def mapped(network: nn.Module, parameters: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Return the outputs of several networks by torch's vmap.

    Args:
        network: One of them: it says what is computed.
        parameters: Its parameters by name, each with one more axis in front, (networks, ...).
        images: (N, C, H, W) for all of them, or (networks, N, C, H, W), each its own.

    Returns:
        (networks, N, ...).
    """

    def one(own: Mapping[str, Tensor], seen: Tensor) -> Tensor:
        return cast(Tensor, functional_call(network, dict(own), (seen,)))

    return vmap(one, in_dims=(0, 0 if images.ndim == 5 else None))(parameters, images)


def can_group(layers: nn.Sequential) -> bool:
    """Tell whether :func:`grouped` knows all of some layers."""
    return all(type(layer) in (nn.Conv2d, nn.GroupNorm, *ALIKE) for layer in layers)


def grouped(layers: nn.Sequential, prefix: str, parameters: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Return the maps of several convolutional networks, whose channels stand side by side in one wide network.

    Every map is then written once, where vmap moves its axes about between the layers.

    Args:
        layers: Those of one network (see :func:`can_group`).
        prefix: What their parameters' names begin with.
        parameters: See :func:`mapped`.
        images: See :func:`mapped`.

    Returns:
        (networks, N, C, H, W).
    """
    count = len(next(iter(parameters.values())))
    shared = images.ndim == 4  # the first convolution then sees them once
    maps = images if shared else images.transpose(0, 1).flatten(1, 2)
    for name, layer in layers.named_children():
        own = {key: parameters[f"{prefix}{name}.{key}"].flatten(0, 1) for key, _ in layer.named_parameters()}
        if isinstance(layer, nn.Conv2d):
            groups, shared = layer.groups * (1 if shared else count), False
            how = (layer.stride, cast(tuple[int, int], layer.padding), layer.dilation, groups)
            maps = F.conv2d(maps, own["weight"], own.get("bias"), *how)
        elif isinstance(layer, nn.GroupNorm):
            maps = F.group_norm(maps, count * layer.num_groups, own.get("weight"), own.get("bias"), layer.eps)
        else:
            maps = cast(Tensor, layer(maps))
    return maps.view(len(maps), count, -1, *maps.shape[2:]).transpose(0, 1)


def linear(layer: nn.Linear, prefix: str, parameters: Mapping[str, Tensor], features: Tensor) -> Tensor:
    """Return the outputs (networks, N, out) of several linear layers for features (networks, N, in)."""
    weight = parameters[f"{prefix}weight"].transpose(1, 2)
    if layer.bias is None:
        return features @ weight
    return torch.baddbmm(parameters[f"{prefix}bias"].unsqueeze(1), features, weight)
