"""What a selector is: it picks real images instead of making new ones."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from fdd_lightning.choices import Choice
from fdd_lightning.matching.weightings import WeightMatrix


class Selector(Choice, ABC):
    """Base of every selector: the controls that stand beside the distilled sets."""

    @abstractmethod
    def select(self, weights: WeightMatrix, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` different positions out of the n columns of W, which spans the whole class."""
