"""What a parameterisation is: how synthetic images are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from fdd_lightning.configuration.choices import Choice


class Parameterisation(Choice, ABC):
    """Base of every parameterisation: stored tensors to images and back."""

    name: ClassVar[str]
    expansion: int = 1
    """Images that one stored image decodes to."""

    def prepare(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Take the data's normalisation; called once before the first step. By default nothing needs it."""

    @abstractmethod
    def decode(self, stored: Tensor) -> Tensor:
        """Return (n * expansion, C, H, W) from n stored images; those of one stored image are neighbours."""

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Return n stored images from (n * expansion, C, H, W): how an initialiser's images are taken over."""

    def constrain(self, stored: Tensor) -> Tensor:
        """Return the stored images brought back into their range; asked for at the start of each iteration."""
        return stored
