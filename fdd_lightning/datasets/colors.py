"""The two palettes of the coloured digit sets, and how colour is laid on grey levels."""

from __future__ import annotations

import torch
from torch import Tensor

FAIRDD_COLORS = torch.tensor(
    [
        (255, 0, 0),
        (255, 128, 0),
        (255, 255, 0),
        (255, 255, 128),
        (0, 255, 0),
        (0, 255, 255),
        (0, 0, 255),
        (128, 0, 255),
        (255, 0, 255),
        (255, 255, 255),
    ],
    dtype=torch.uint8,
)
"""FairDD's flat colours as RGB bytes; index = group (zqhang/FairDD: data_handler)."""

FAIRDD_COLOR_NAMES = (
    "red", "orange", "yellow", "light yellow", "green", "cyan", "blue", "violet", "magenta", "white",
)  # fmt: skip

LFF_COLORS = torch.tensor(
    [
        (0.983682, 0.312519, 0.168575),
        (0.990530, 0.915605, 0.351512),
        (0.672964, 0.461070, 0.579808),
        (0.783252, 0.831556, 0.601329),
        (0.088016, 0.777963, 0.981808),
        (0.321393, 0.961055, 0.446450),
        (0.024616, 0.235650, 0.758666),
        (0.555247, 0.101580, 0.761763),
        (0.207723, 0.392949, 0.018702),
        (0.833658, 0.202409, 0.266943),
    ],
    dtype=torch.float64,
)
"""LfF's mean colours as RGB in 0..1; index = group (alinlab/LfF: data/resource/colors.th)."""

LFF_COLOR_NAMES = (
    "orange red", "yellow", "mauve", "pale green", "sky blue", "light green", "blue", "purple", "dark green", "crimson",
)  # fmt: skip

_CHUNK = 4096  # images tinted at a time, so that the float copy stays small


def tint(grey: Tensor, colors: Tensor) -> Tensor:
    """Colour the foreground and keep the grey levels: colour times grey, truncated to bytes.

    Args:
        grey: uint8, (N, H, W).
        colors: (N, 3), one colour per image: uint8 bytes, or float64 in 0..1.

    Returns:
        uint8, (N, 3, H, W).
    """
    tinted = torch.empty(len(grey), 3, *grey.shape[1:], dtype=torch.uint8)
    for first in range(0, len(grey), _CHUNK):
        part = slice(first, first + _CHUNK)
        level, color = grey[part, None], colors[part, :, None, None]
        if colors.dtype == torch.uint8:
            tinted[part] = level.to(torch.int32).mul(color).div_(255, rounding_mode="floor")
        else:
            tinted[part] = level * color  # the assignment truncates
    return tinted
