"""C-FMNIST foreground and background as FairDD builds them: grey levels kept.

The published background overflows: its ramp starts from 255 on a scale that ends at 1, so that the cast to bytes wraps
the garments around, modulo 256. Results of the paper are results on those bytes; what was meant is here as well.
"""

from __future__ import annotations

from abc import ABC

import torch
from torch import Tensor

from fdd_lightning.datamodules.fairdd_colored import FairDDColored
from fdd_lightning.datasets.colors import tint
from fdd_lightning.datasets.originals import FASHION_MNIST

_CHUNK = 4096  # images painted at a time, so that the float copy stays small


class _CFMNIST(FairDDColored, ABC):
    origin = FASHION_MNIST
    draws = "cfmnist"


class CFMNISTForeground(_CFMNIST):
    """C-FMNIST (FG): the garment in shades of one of ten colours, on black; 60,000 and 10,000 images, 32x32.

    Example:
        >>> CFMNISTForeground(conflict_ratio=0.05).group_names[:2]
        ('red', 'orange')
    """

    name = "cfmnist_fg"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint the garment: colour times grey."""
        return tint(grey, colors)


class CFMNISTBackground(_CFMNIST):
    """C-FMNIST (BG) as published: garments of wrapped bytes on one of ten colours; 60,000 and 10,000 images, 32x32.

    The published code overflows; the paper's figures are for these images.

    Example:
        >>> CFMNISTBackground().class_names[-1]
        'Ankle boot'
    """

    name = "cfmnist_bg"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint what is around the garment, with the published overflow.

        With d = (255 - grey) / 255 a byte is 255 * (255 + d * (colour / 255 - 255)), truncated and taken modulo 256,
        in single precision: about (255 - grey) * colour / 255 - grey. The background is right, the garment a sawtooth.
        """
        painted = torch.empty(len(grey), 3, *grey.shape[1:], dtype=torch.uint8)
        for first in range(0, len(grey), _CHUNK):
            part = slice(first, first + _CHUNK)
            dark = (255.0 - grey[part, None].float()) / 255.0
            ramp = 255.0 + dark * (colors[part, :, None, None].float() / 255.0 - 255.0)
            # By way of integers: what a cast from float to byte does beyond 255 is left to the processor.
            painted[part] = (ramp * 255).to(torch.int32).bitwise_and_(255)
        return painted


class CFMNISTBackgroundIntended(_CFMNIST):
    """C-FMNIST (BG) as intended: dark garments on one of ten colours; 60,000 and 10,000 images, 32x32.

    There are no published figures for it: those of the paper are for ``cfmnist_bg``, whose bytes overflow.

    Example:
        >>> CFMNISTBackgroundIntended(conflict_ratio=None).aligned is None
        True
    """

    name = "cfmnist_bg_intended"

    @staticmethod
    def paint(grey: Tensor, colors: Tensor) -> Tensor:
        """Paint what is around the garment; the garment runs from that colour to black, the brighter the darker.

        To black, as the published code says beside the ramp and as C-MNIST has it, not to the white that its
        overflowing start stands for: a garment on white would then be white.
        """
        return tint(255 - grey, colors)
