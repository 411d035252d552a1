"""Ten drawn textures that stand in for photographs of scenes; ours, from no paper.

Every image of a texture has its own scale, place and pair of colours, drawn alike for all textures: what tells them
apart is the pattern, not the colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from fdd_lightning.utils import rng

COUNTS = {"train": 1000, "test": 100}
"""Images per texture: as many as MiniPlaces has per scene."""

Grid = tuple[Tensor, Tensor]
"""Coordinates of the pixels' centres from 0 to 1, right and down: (1, 1, size) and (1, size, 1)."""

Pattern = Callable[[Grid, int, Generator], Tensor]
"""Draws n patterns: (n, size, size) in 0..1."""


def textures(size: int, seed: int, split: str) -> list[Tensor]:
    """Draw the images of a split, ``train`` or ``test``.

    Returns:
        Per texture, in the order of :data:`NAMES`, uint8, (n, 3, size, size).
    """
    place = (torch.arange(size) + 0.5) / size
    grid = place[None, None, :], place[None, :, None]
    drawn = []
    for name, pattern in PATTERNS.items():
        generator = rng.generator(seed, "textures", split, name)
        count = COUNTS[split]
        field = pattern(grid, count, generator)[:, None]
        # One dark and one light colour; either may be the ground.
        colors = torch.rand(count, 2, 3, 1, 1, generator=generator) / 2 + torch.tensor([0, 0.5]).view(2, 1, 1, 1)
        swapped = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
        field = torch.where(swapped, 1 - field, field)
        drawn.append(torch.lerp(colors[:, 0], colors[:, 1], field).mul(255).round().to(torch.uint8))
    return drawn


def _between(low: float, high: float, count: int, generator: Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, 1, 1, generator=generator)


def _sharp(wave: Tensor) -> Tensor:
    """Turn a wave about 0 into two flat levels with a narrow edge."""
    return (0.5 + 2 * wave).clamp(0, 1)


def _cos(turns: Tensor) -> Tensor:
    return torch.cos(2 * math.pi * turns)


def _stripes(x: Tensor, count: int, generator: Generator) -> Tensor:
    return _cos(_between(3, 6, count, generator) * x + _between(0, 1, count, generator))


def _bars(grid: Grid, count: int, generator: Generator) -> Tensor:
    x, y = grid
    return _sharp(_stripes(x, count, generator)) + 0 * y


def _rows(grid: Grid, count: int, generator: Generator) -> Tensor:
    x, y = grid
    return _sharp(_stripes(y, count, generator)) + 0 * x


def _diagonals(grid: Grid, count: int, generator: Generator) -> Tensor:
    x, y = grid
    lean = torch.where(torch.rand(count, 1, 1, generator=generator) < 0.5, -1.0, 1.0)
    return _sharp(_stripes((x + lean * y) * math.sqrt(0.5), count, generator))


def _lattice(grid: Grid, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return waves along both axes, of equal length."""
    pace = _between(3, 5, count, generator)
    right, down = (_cos(pace * axis + _between(0, 1, count, generator)) for axis in grid)
    return right, down


def _checks(grid: Grid, count: int, generator: Generator) -> Tensor:
    right, down = _lattice(grid, count, generator)
    return _sharp(right * down)


def _dots(grid: Grid, count: int, generator: Generator) -> Tensor:
    right, down = _lattice(grid, count, generator)
    return _sharp(right + down - 0.7)


def _net(grid: Grid, count: int, generator: Generator) -> Tensor:
    right, down = _lattice(grid, count, generator)
    return _sharp(torch.maximum(right, down) - 0.75)


def _about_a_point(grid: Grid, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return the offsets of all pixels from a drawn point."""
    right, down = (axis - _between(0.2, 0.8, count, generator) for axis in grid)
    return right, down


def _rings(grid: Grid, count: int, generator: Generator) -> Tensor:
    right, down = _about_a_point(grid, count, generator)
    return _sharp(_stripes(torch.hypot(right, down), count, generator))


def _rays(grid: Grid, count: int, generator: Generator) -> Tensor:
    right, down = _about_a_point(grid, count, generator)
    arms = torch.randint(4, 10, (count, 1, 1), generator=generator)
    return _sharp(_cos(arms * torch.atan2(down, right) / (2 * math.pi) + _between(0, 1, count, generator)))


def _clouds(grid: Grid, count: int, generator: Generator) -> Tensor:
    size = grid[0].shape[-1]
    coarse = torch.rand(count, 1, 5, 5, generator=generator)
    return interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)[:, 0].clamp(0, 1)


def _grain(grid: Grid, count: int, generator: Generator) -> Tensor:
    size = grid[0].shape[-1]
    return torch.rand(count, size, size, generator=generator)


PATTERNS: dict[str, Pattern] = {
    "bars": _bars,
    "checks": _checks,
    "clouds": _clouds,
    "diagonals": _diagonals,
    "dots": _dots,
    "grain": _grain,
    "net": _net,
    "rays": _rays,
    "rings": _rings,
    "rows": _rows,
}
NAMES = tuple(PATTERNS)
