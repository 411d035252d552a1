"""What every network owes: a last feature, a classifier on it, and the way it is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeAlias, cast

from torch import Tensor, nn

from fdd_lightning.errors import ConfigError
from fdd_lightning.networks.many import mapped


class Network(nn.Module, ABC):
    """Base of every network: ``forward(x) = classifier(embed(x))``.

    A subclass calls ``super().__init__`` with the two facts of the data, builds its layers, and sets
    ``feature_dim`` and ``classifier``; :meth:`stack` does both.

    Args:
        num_classes: Number of classes, at least 1; linked from the data.
        image_shape: (C, H, W) in pixels; linked from the data.

    Attributes:
        feature_dim: Length of the last feature.
        classifier: What turns the last feature into logits.

    Raises:
        ConfigError: The numbers of classes, channels or pixels cannot mean anything.

    Example:
        >>> import torch
        >>> class Means(Network):
        ...     def embed(self, x):
        ...         return x.mean((2, 3))
        >>> Means(10, (3, 8, 8)).embed(torch.ones(1, 3, 8, 8))
        tensor([[1., 1., 1.]])
    """

    menu: ClassVar[str] = "network"
    place: ClassVar[str] = "model.network"
    pure: ClassVar[bool] = False
    """Whether its outputs follow from its parameters and the images by tensor operations alone: it draws nothing, and
    decides nothing by the values. Several such networks can be computed as one (see :meth:`forward_many`). A subclass
    says so for itself."""
    feature_dim: int
    classifier: nn.Module

    def __init__(self, num_classes: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        if num_classes < 1 or len(image_shape) != 3 or min(image_shape) < 1:
            raise ConfigError(
                f"{type(self).__name__} cannot be built for {num_classes} classes and shape {tuple(image_shape)}: "
                "give at least one class and a shape (C, H, W) of positive numbers"
            )
        channels, height, width = image_shape
        self.num_classes = num_classes
        self.image_shape = (channels, height, width)

    @classmethod
    def by_size(cls, image_shape: tuple[int, int, int]) -> dict[str, Any]:
        """Return the arguments that follow from the images' size where they are null."""
        return {}

    def stack(self, layers: Iterable[nn.Module], feature_dim: int) -> None:
        """Keep the layers as ``features``, and put a linear classifier on what they give, ``feature_dim`` long."""
        self.features = nn.Sequential(*layers)
        self.feature_dim = feature_dim
        self.classifier = nn.Linear(feature_dim, self.num_classes)

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """Return the last feature, flattened, (N, feature_dim), of normalised images (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, num_classes) of normalised images (N, C, H, W)."""
        return cast(Tensor, self.classifier(self.embed(x)))

    @property
    def can_stack(self) -> bool:
        """Whether several of its kind can be computed as one: it is :attr:`pure` and has no statistics of batches."""
        return bool(vars(type(self)).get("pure")) and not any(True for _ in self.buffers())

    def forward_many(self, parameters: Mapping[str, Tensor], images: Tensor) -> Tensor:
        """Return the logits (networks, N, num_classes) of several networks of its kind.

        Args:
            parameters: By name, each with one more axis in front, (networks, ...).
            images: (N, C, H, W) for all of them, or (networks, N, C, H, W), each its own.
        """
        return mapped(self, parameters, images)

    def too_small(self, least: int) -> ConfigError:
        """Return the error that this network needs images of at least ``least`` x ``least`` pixels."""
        _, height, width = self.image_shape
        return ConfigError(
            f"{type(self).__name__} needs images of at least {least}x{least} pixels for these settings and got "
            f"{height}x{width}: take larger images, fewer layers, or another network"
        )


NetworkFactory: TypeAlias = Callable[[int, tuple[int, int, int]], Network]
"""Builds a network from (num_classes, image_shape): a :class:`Network` subclass, or ``functools.partial`` of one."""
