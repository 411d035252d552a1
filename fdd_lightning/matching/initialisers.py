"""Initialisers: the synthetic images before the first step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clustering import nearest_to_centroids
from fdd_lightning.matching.selectors import Random, Selector
from fdd_lightning.matching.weightings import Weigher
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.utils.rng import derive, seeded


class Initialiser(Choice, ABC):
    """Base of every initialiser.

    Example:
        >>> class Black(Initialiser):
        ...     def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        ...         return data.batch(torch.zeros(count).long())["image"].fill_(-1.0)
    """

    takes_real_images: ClassVar[bool] = False
    """Whether it takes as many different real images of the class as there will be images."""

    @abstractmethod
    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` starting images of class ``target``, (count, C, H, W), normalised.

        Raises:
            ConfigError: The class has fewer images than are asked for, where real ones are taken.
        """

    def weighed_images(
        self, data: ImageSet, target: int, count: int, generator: torch.Generator, weigh: Weigher
    ) -> Tensor:
        """Return :meth:`images`; an initialiser that follows the weighting weighs the class.

        Args:
            data: The real training set.
            target: The class.
            count: Images.
            generator: The only source of randomness.
            weigh: Returns the weighting's W of images of the class by their places.
        """
        return self.images(data, target, count, generator)


class Noise(Initialiser):
    """Standard normal noise in normalised pixel space (DC, DSA; Cui et al. for every method).

    Example:
        >>> pixels, zeros = torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.zeros(6).long()
        >>> data = ImageSet(pixels, zeros, zeros, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> Noise().images(data, target=0, count=9, generator=torch.Generator()).shape
        torch.Size([9, 3, 8, 8])
    """

    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return N(0, 1) pixels, drawn in single precision whatever the run's."""
        return torch.randn(count, *data.image_shape, generator=generator, dtype=torch.float32)


class Real(Initialiser):
    """Random real images of the class, without repetition (DM; FairDD for every method).

    Example:
        >>> pixels, targets = torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 0, 1, 0, 1])
        >>> data = ImageSet(pixels, targets, groups=targets, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> Real().images(data, target=1, count=2, generator=torch.Generator()).shape
        torch.Size([2, 3, 8, 8])
    """

    takes_real_images = True

    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` different real images of the class."""
        members = _enough_members(data, target, count, "that real initialisation needs")
        chosen = members[torch.randperm(len(members), generator=generator)[:count]]
        return data.batch(chosen)["image"]


class Selected(Real):
    """Real images of the class that a selector picks by the weighting, as the control ``random`` does (ours).

    Under ``Vanilla`` uniform draws, under ``FairDD`` as many images of each group as possible, under ``KDE`` draws by
    weight: so the bias does not come in with the start.

    Args:
        selector: How they are picked; one that compares no features.

    Example:
        >>> pixels, targets = torch.zeros(6, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 0, 1, 0, 1])
        >>> data = ImageSet(pixels, targets, groups=targets, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> from fdd_lightning.matching.weightings import WeightMatrix
        >>> rows = torch.tensor([[0.0, 0.5, 0.5]])
        >>> Selected().weighed_images(
        ...     data, 1, 2, torch.Generator(), weigh=lambda index: WeightMatrix(rows, torch.ones(1))
        ... ).shape
        torch.Size([2, 3, 8, 8])
    """

    def __init__(self, selector: Selector = Random()) -> None:
        if selector.needs_features:
            raise ConfigError(f"initialiser Selected takes no {type(selector).__name__}, which compares features")
        self.selector = selector

    def weighed_images(
        self, data: ImageSet, target: int, count: int, generator: torch.Generator, weigh: Weigher
    ) -> Tensor:
        """Return ``count`` different real images of the class."""
        members = _enough_members(data, target, count, "that a selected start needs")
        chosen = self.selector.select(weigh(members), count, generator)
        return data.batch(members[chosen.to(members.device)])["image"]


class KMeansImages(Initialiser):
    """The real image nearest to each centroid of the class, seen through an untrained network (DREAM).

    Args:
        network: The architecture of that network.

    Example:
        >>> KMeansImages(network=ConvNet).architecture.__name__
        'ConvNet'
    """

    takes_real_images = True

    def __init__(self, network: NetworkFactory = ConvNet) -> None:
        self.architecture = network

    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` different real images of the class."""
        members = _enough_members(data, target, count, "clusters that k-means initialisation needs")
        with seeded(derive(int(torch.randint(2**31, (1,), generator=generator)), "initial network")):
            network = self.architecture(int(data.targets.max()) + 1, data.image_shape)
        return data.batch(nearest_to_centroids(data, members, count, network, generator))["image"]


def _enough_members(data: ImageSet, target: int, count: int, purpose: str) -> Tensor:
    """Return the places of a class's images, which must be ``count`` or more."""
    members = data.members(target)
    if len(members) < count:
        raise ConfigError(
            f"class {target} has {len(members)} training images, fewer than the {count} {purpose}: lower "
            "images_per_class, or start from noise (initialiser Noise)"
        )
    return members
