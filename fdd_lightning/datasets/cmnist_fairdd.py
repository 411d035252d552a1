"""C-MNIST foreground and background as FairDD builds them (zqhang/FairDD: data_handler): flat colours, hard mask.

Cui et al.'s CMNIST is another data set (:mod:`fdd_lightning.datasets.cmnist`).
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from fdd_lightning.datasets.fairdd_colored import Painter, fairdd_colored
from fdd_lightning.datasets.split import Split

THRESHOLD = 128

Ground = Literal["foreground", "background"]


def cmnist_fairdd(images: Tensor, labels: Tensor, majority: float, ground: Ground, seed: int, split: str) -> Split:
    """Build one split (see :func:`~fdd_lightning.datasets.fairdd_colored.fairdd_colored`).

    Args:
        images: uint8, (N, 28, 28).
        labels: int64, (N,).
        majority: Share of a class in its own colour (the paper's rho): 0.9 for training, 0.1 for the test.
        ground: Whether the digit is coloured (on black) or what is around it (the digit black).
        seed: Seed of all draws.
        split: ``train`` or ``test``; names the draws.

    Returns:
        The split, (N, 3, 32, 32). Both grounds have the same assignment and order under one seed.
    """
    return fairdd_colored(images, labels, majority, PAINTERS[ground], seed, "cmnist_fairdd", split)


def digit(grey: Tensor, colors: Tensor) -> Tensor:
    """Paint the digit (grey levels from 128 on) in flat colour, the rest black."""
    return (grey >= THRESHOLD)[:, None] * colors[:, :, None, None]


def around(grey: Tensor, colors: Tensor) -> Tensor:
    """Paint what is around the digit (grey levels below 128) in flat colour, the digit black."""
    return (grey < THRESHOLD)[:, None] * colors[:, :, None, None]


PAINTERS: dict[Ground, Painter] = {"foreground": digit, "background": around}
