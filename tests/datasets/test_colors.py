from __future__ import annotations

import math

import pytest
import torch

from fdd_lightning.datasets import colors
from fdd_lightning.datasets.colors import FAIRDD_COLORS, LFF_COLORS, tint


@pytest.mark.parametrize("palette", [FAIRDD_COLORS, LFF_COLORS])
@pytest.mark.parametrize("chunk", [3, 4096])
def test_tint_is_color_times_grey_truncated(palette, chunk, monkeypatch):
    monkeypatch.setattr(colors, "_CHUNK", chunk)
    grey = torch.arange(256, dtype=torch.uint8).view(1, 16, 16).repeat(10, 1, 1)
    tinted = tint(grey, palette)
    assert tinted.dtype == torch.uint8
    for c in range(10):
        for channel in range(3):
            for level in range(256):
                color = palette[c, channel].item()
                expected = level * color // 255 if palette is FAIRDD_COLORS else math.floor(level * color)
                assert int(tinted[c, channel, level // 16, level % 16]) == expected


def test_full_grey_is_the_color_itself():
    assert torch.equal(tint(torch.full((10, 1, 1), 255, dtype=torch.uint8), FAIRDD_COLORS)[..., 0, 0], FAIRDD_COLORS)


def test_every_color_has_a_name():
    for names in (colors.FAIRDD_COLOR_NAMES, colors.LFF_COLOR_NAMES):
        assert len(set(names)) == 10
