"""What an initialiser is: the synthetic images before the first step."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet


class Initialiser(Choice, ABC):
    """Base of every initialiser."""

    @abstractmethod
    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` starting images of class ``target``, (count, C, H, W), normalised."""
