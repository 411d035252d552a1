"""Initialisers: the synthetic images before the first step."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clusters import representatives
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.utils.rng import derive, seeded


class Initialiser(Choice, ABC):
    """Base of every initialiser."""

    @abstractmethod
    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` starting images of class ``target``, (count, C, H, W), normalised."""


class Noise(Initialiser):
    """Standard normal noise in normalised pixel space (DC, DSA; Cui et al. for every method)."""

    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return N(0, 1) pixels, drawn in single precision whatever the run's."""
        return torch.randn(count, *data.image_shape, generator=generator, dtype=torch.float32)


class Real(Initialiser):
    """Random real images of the class, without repetition (DM; FairDD for every method)."""

    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` different real images of the class.

        Raises:
            ConfigError: The class has fewer images than are asked for.
        """
        members = data.members(target)
        if len(members) < count:
            raise ConfigError(
                f"class {target} has {len(members)} training images, fewer than the {count} that real initialisation "
                "needs: lower images_per_class, or start from noise (initialiser Noise)"
            )
        chosen = members[torch.randperm(len(members), generator=generator)[:count]]
        return data.batch(chosen)["image"]


class KMeansImages(Initialiser):
    """The real image nearest to each centroid of the class, seen through an untrained network (DREAM).

    Args:
        network: The architecture of that network.
    """

    def __init__(self, network: NetworkFactory = ConvNet) -> None:
        self.architecture = network

    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` different real images of the class.

        Raises:
            ConfigError: The class has fewer images than are asked for.
        """
        members = data.members(target)
        if len(members) < count:
            raise ConfigError(
                f"class {target} has {len(members)} training images, fewer than the {count} clusters that k-means "
                "initialisation needs: lower images_per_class, or start from noise (initialiser Noise)"
            )
        with seeded(derive(int(torch.randint(2**31, (1,), generator=generator)), "initial network")):
            network = self.architecture(int(data.targets.max()) + 1, data.image_shape)
        weight = next(network.parameters())
        with torch.no_grad():
            points = torch.cat([network.embed(data.pixels(part).to(weight) / 255) for part in members.split(512)])
        return data.batch(members[representatives(points, count, generator)])["image"]
