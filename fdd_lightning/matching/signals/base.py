"""What a signal is: what a network says of images, and what is matched of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.networks import Network


@dataclass(frozen=True)
class ClassBatch:
    """Images of one class, as the network sees them.

    Attributes:
        images: (n, C, H, W), normalised and augmented.
        label: The class.
    """

    images: Tensor
    label: int


Layers = list[Tensor]
"""A signal: one tensor per layer; single-layer signals have one element."""


class Signal(Choice, ABC):
    """Base of every signal. Both methods take all classes of a step at once, so that a signal may share its work."""

    @abstractmethod
    def targets(self, network: Network, batches: Sequence[ClassBatch], rows: Sequence[Tensor]) -> list[Layers]:
        """Return W s of each class.

        Args:
            network: The surrogate.
            batches: The real images, a batch of n_c per class.
            rows: W of each class, (T_c, n_c). Its rows need not sum to 1: over several processes each passes the
                columns of its own images, and the results are summed afterwards.

        Returns:
            Per class and layer (T_c, ...), detached.
        """

    @abstractmethod
    def synthetic(self, network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        """Return the mean signal of each class's synthetic images: per class and layer (...), with its graph."""
