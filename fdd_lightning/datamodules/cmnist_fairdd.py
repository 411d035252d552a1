"""C-MNIST foreground and background as FairDD builds them: flat colours, hard mask.

Cui et al.'s CMNIST is another data set, in ``cmnist.py``.
"""

from __future__ import annotations

from abc import ABC

from torch import Tensor

from fdd_lightning.datamodules.fairdd_colored import FairDDColored
from fdd_lightning.datasets.originals import MNIST

THRESHOLD = 128


class _CMNIST(FairDDColored, ABC):
    origin = MNIST
    draws = "cmnist_fairdd"


class CMNISTForeground(_CMNIST):
    """C-MNIST (FG): the digit in one of ten flat colours, on black; 60,000 and 10,000 images, 32x32.

    Example:
        >>> CMNISTForeground(conflict_ratio=0.05).group_names[:2]
        ('red', 'orange')
    """

    name = "cmnist_fg"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint the digit (grey levels from 128 on) in flat colour, the rest black."""
        return (grey >= THRESHOLD)[:, None] * colors[:, :, None, None]


class CMNISTBackground(_CMNIST):
    """C-MNIST (BG): a black digit on one of ten flat colours; 60,000 and 10,000 images, 32x32.

    Example:
        >>> CMNISTBackground(conflict_ratio=0.05).image_shape
        (3, 32, 32)
    """

    name = "cmnist_bg"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint what is around the digit (grey levels below 128) in flat colour, the digit black."""
        return (grey < THRESHOLD)[:, None] * colors[:, :, None, None]
