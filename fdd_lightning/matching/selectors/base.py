"""What a selector is: it picks real images instead of making new ones."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings import Weighting, WeightMatrix


class Selector(Choice, ABC):
    """Base of every selector: the controls that stand beside the distilled sets.

    Attributes:
        needs_features: Compares the images by features.
    """

    needs_features: bool = False

    def objection(self, weighting: Weighting) -> str:
        """Say why it cannot follow a weighting, and what to do instead; empty if it can."""
        return ""

    @abstractmethod
    def select(
        self, weights: WeightMatrix, count: int, generator: torch.Generator, features: Tensor | None = None
    ) -> Tensor:
        """Pick images of a class.

        Args:
            weights: W, which spans the whole class.
            count: Images to pick.
            generator: The only source of randomness.
            features: (n, d), where the selector asks for them.

        Returns:
            int64 (count,), different columns of W, on the CPU, in the order in which they were picked.

        Raises:
            ConfigError: The class has fewer images than are asked for.
        """


def enough(weights: WeightMatrix, count: int) -> None:
    """Refuse to pick more images than there are."""
    if weights.rows.shape[1] < count:
        raise ConfigError(
            f"{count} images per class are asked for, but a class has only {weights.rows.shape[1]}: lower "
            "images_per_class"
        )


def required(features: Tensor | None, selector: Selector) -> Tensor:
    """Return the features that a selector cannot do without."""
    if features is None:
        raise ConfigError(f"selector {type(selector).__name__} needs the features of the images")
    return features
