"""What a distance is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.matching.signals.base import Layers


class Distance(Choice, ABC):
    """Base of every distance between target signals and a synthetic signal."""

    @abstractmethod
    def __call__(self, targets: Layers, synthetic: Layers) -> Tensor:
        """Return the distance of each target, (T,), from layers (T, ...) and (...)."""
