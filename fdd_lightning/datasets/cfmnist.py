"""C-FMNIST foreground and background as FairDD builds them (zqhang/FairDD: data_handler): grey levels kept.

The published background overflows: its ramp starts from 255 on a scale that ends at 1, so that the cast to bytes wraps
the garments around, modulo 256. Results of the paper are results on those bytes; what was meant is here as well.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fdd_lightning.datasets.colors import tint
from fdd_lightning.datasets.fairdd_colored import Painter, fairdd_colored
from fdd_lightning.datasets.split import Split

Ground = Literal["foreground", "background", "background_intended"]

_CHUNK = 4096  # images painted at a time, so that the float copy stays small


def cfmnist(images: Tensor, labels: Tensor, majority: float, ground: Ground, seed: int, split: str) -> Split:
    """Build one split (see :func:`~fdd_lightning.datasets.fairdd_colored.fairdd_colored`).

    Args:
        images: uint8, (N, 28, 28).
        labels: int64, (N,).
        majority: Share of a class in its own colour (the paper's rho): 0.9 for training, 0.1 for the test.
        ground: Whether the garment is coloured (on black) or what is around it, as published or as intended.
        seed: Seed of all draws.
        split: ``train`` or ``test``; names the draws.

    Returns:
        The split, (N, 3, 32, 32). All grounds have the same assignment and order under one seed.
    """
    return fairdd_colored(images, labels, majority, PAINTERS[ground], seed, "cfmnist", split)


def around_as_published(grey: Tensor, colors: Tensor) -> Tensor:
    """Paint what is around the garment, with the published overflow.

    With d = (255 - grey) / 255 a byte is 255 * (255 + d * (colour / 255 - 255)), truncated and taken modulo 256, in
    single precision: about (255 - grey) * colour / 255 - grey. The background is right, the garment a sawtooth.

    Args:
        grey: uint8, (N, H, W).
        colors: uint8, (N, 3), one colour per image.

    Returns:
        uint8, (N, 3, H, W).
    """
    painted = torch.empty(len(grey), 3, *grey.shape[1:], dtype=torch.uint8)
    for first in range(0, len(grey), _CHUNK):
        part = slice(first, first + _CHUNK)
        dark = (255.0 - grey[part, None].float()) / 255.0
        ramp = 255.0 + dark * (colors[part, :, None, None].float() / 255.0 - 255.0)
        # By way of integers: what a cast from float to byte does beyond 255 is left to the processor.
        painted[part] = (ramp * 255).to(torch.int32).bitwise_and_(255)
    return painted


def around_as_intended(grey: Tensor, colors: Tensor) -> Tensor:
    """Paint what is around the garment; the garment itself runs from that colour to black, the brighter the darker.

    To black, as the published code says beside the ramp and as C-MNIST has it, not to the white that its overflowing
    start stands for: a garment on white would then be white.

    Args:
        grey: uint8, (N, H, W).
        colors: uint8, (N, 3), one colour per image.

    Returns:
        uint8, (N, 3, H, W), truncated.
    """
    return tint(255 - grey, colors)


PAINTERS: dict[Ground, Painter] = {
    "foreground": tint,
    "background": around_as_published,
    "background_intended": around_as_intended,
}
