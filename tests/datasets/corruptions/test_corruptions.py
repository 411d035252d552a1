from __future__ import annotations

import pytest
import torch

from fdd_lightning.datasets.corruptions import OPERATORS, corrupt
from fdd_lightning.errors import ConfigError
from tests.datasets.corruptions.pictures import LEVELS, generators, pictures

CORRUPTIONS = [name for name in OPERATORS if name != "original"]


def test_there_are_nineteen_and_the_original():
    assert len(CORRUPTIONS) == 19
    images = pictures()
    for level in LEVELS:
        out = corrupt(images, "original", level, generators(3))
        assert torch.equal(out, images)
        assert out.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_level_changes_images_and_leaves_the_source_alone(name):
    images = pictures()
    before = images.clone()
    for level in LEVELS:
        out = corrupt(images, name, level, generators(3), "generated")
        assert torch.equal(images, before)
        assert out.is_contiguous()
        assert all(not torch.equal(a, b) for a, b in zip(out, images, strict=True))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_generators_decide_image_by_image(name):
    images = pictures(4)
    whole = corrupt(images, name, 4, generators(4), "generated")
    assert torch.equal(corrupt(images, name, 4, generators(4), "generated"), whole)
    for place in range(4):
        alone = corrupt(images[place : place + 1], name, 4, generators(4)[place : place + 1], "generated")
        assert torch.equal(alone[0], whole[place])
    other = corrupt(images, name, 4, generators(4, seed=1), "generated")
    drawless = {
        "gaussian_blur", "defocus_blur", "zoom_blur", "brightness", "contrast", "saturate", "pixelate",
        "jpeg_compression",
    }  # fmt: skip
    assert torch.equal(other, whole) == (name in drawless)


@pytest.mark.parametrize(
    "name", ["gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "contrast", "brightness", "fog"]
)
def test_higher_levels_change_more(name):
    images = pictures(4)
    change = [
        float((corrupt(images, name, level, generators(4), "generated").double() - images).abs().mean())
        for level in LEVELS
    ]
    assert change == sorted(change)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_images_stay_within_bytes(name, value):
    flat = torch.full((2, 3, 32, 32), value, dtype=torch.uint8)
    out = corrupt(flat, name, 5, generators(2), "generated")
    assert out.dtype == torch.uint8
    if name in {"contrast", "saturate", "pixelate"} and value == 0:
        assert torch.equal(out, flat)


def test_no_image_is_no_error():
    for name in OPERATORS:
        out = corrupt(torch.zeros(0, 3, 32, 32, dtype=torch.uint8), name, 1, [])
        assert out.shape == (0, 3, 32, 32)


@pytest.mark.parametrize(
    ("name", "level", "shape", "match"),
    [
        ("rain", 1, (2, 3, 32, 32), "'rain' is unknown"),
        ("fog", 0, (2, 3, 32, 32), "level=0"),
        ("fog", 6, (2, 3, 32, 32), "level=6"),
        ("fog", 1, (2, 3, 64, 64), r"\(2, 3, 64, 64\)"),
        ("fog", 1, (3, 3, 32, 32), "with 2"),
    ],
)
def test_senseless_arguments_are_one_line(name, level, shape, match):
    with pytest.raises(ConfigError, match=match) as caught:
        corrupt(torch.zeros(shape, dtype=torch.uint8), name, level, generators(2))
    assert "\n" not in str(caught.value)
