"""What an extractor is: it turns real images into features for a selector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet
from fdd_lightning.networks import Network


@dataclass(frozen=True)
class Gallery:
    """The images to select from.

    Attributes:
        real: The real training set.
        num_classes: Number of classes.
        seed: The run's seed.
        device: Where to compute.
        embeddings: Bias-encoder embeddings of all images, (N, d); None unless the extractor asks for them.
    """

    real: ImageSet
    num_classes: int
    seed: int
    device: torch.device
    embeddings: Tensor | None = None


class Extractor(Choice, ABC):
    """Base of every extractor.

    Attributes:
        needs_embeddings: Reads the bias encoder's embeddings.
    """

    needs_embeddings: bool = False

    @abstractmethod
    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Get ready, and return what gives the features (n, d) of images by their places, int64 (n,).

        Features are float, on the gallery's device; every random draw comes from the gallery's seed.
        """


def features_of(network: Network, gallery: Gallery, chunk: int = 512) -> Callable[[Tensor], Tensor]:
    """Return what gives a network's last feature, in evaluation mode and without augmentation.

    Args:
        network: The network; it stays as it is.
        gallery: The images.
        chunk: Images at a time; bounds the memory.
    """
    network = network.to(gallery.device).eval().requires_grad_(False)

    def features(index: Tensor) -> Tensor:
        with torch.no_grad():
            parts = [network.embed(gallery.real.batch(part)["image"].to(gallery.device)) for part in index.split(chunk)]
        return torch.cat(parts)

    return features
