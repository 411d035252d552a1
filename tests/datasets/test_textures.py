from __future__ import annotations

import torch

from fdd_lightning.datasets.textures import COUNTS, NAMES, textures


def test_textures_are_as_many_as_scenes_have():
    for split, count in COUNTS.items():
        drawn = textures(32, 0, split)
        assert len(drawn) == len(NAMES) == 10
        assert all(bank.shape == (count, 3, 32, 32) and bank.dtype == torch.uint8 for bank in drawn)


def test_textures_follow_the_seed_and_the_split():
    draws = [(0, "test"), (0, "test"), (1, "test"), (0, "train")]
    for a, b, c, d in zip(*(textures(32, seed, split) for seed, split in draws), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
        assert not torch.equal(a, d[:100])


def test_color_and_brightness_tell_no_texture():
    """Each image has two colours of its own: the averages are those of all textures."""
    means = torch.stack([bank.double().mean((0, 2, 3)) for bank in textures(32, 0, "train")])
    assert float((means - 127.5).abs().max()) < 8


def test_no_two_images_are_the_same():
    for bank in textures(16, 0, "test"):
        assert len(bank.flatten(1).unique(dim=0)) == len(bank)


def test_patterns_run_as_they_are_called():
    drawn = dict(zip(NAMES, textures(32, 0, "test"), strict=True))
    assert (drawn["bars"] == drawn["bars"][:, :, :1]).all()
    assert (drawn["rows"] == drawn["rows"][:, :, :, :1]).all()
    for name in set(NAMES) - {"bars", "rows"}:
        changes = [(drawn[name].diff(dim=dim) != 0).flatten(1).any(1) for dim in (2, 3)]
        assert all(bool(c.all()) for c in changes), name
