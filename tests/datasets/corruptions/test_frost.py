from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
import torch
from PIL import Image

from fdd_lightning.datasets.corruptions import corrupt
from fdd_lightning.datasets.corruptions.frost import best_textures, load_textures
from fdd_lightning.errors import DependencyNotFoundError, FileFormatError
from tests.datasets.corruptions.pictures import LEVELS, compare, generators, pictures

# By import_module, because the package's attribute of that name is the operator.
frost = import_module("fdd_lightning.datasets.corruptions.frost")
needs_photographs = pytest.mark.skipif(
    best_textures() != "photographs", reason="install imagecorruptions-imaug for the published textures"
)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Say where the package lies; None: nowhere."""

    def say(places):
        def find_spec(name):
            assert name == "imagecorruptions"
            if places is None:
                return None
            spec = ModuleSpec(name, None)
            spec.submodule_search_locations = [str(place) for place in places]
            return spec

        monkeypatch.setattr(frost, "find_spec", find_spec)
        load_textures.cache_clear()

    yield say
    monkeypatch.undo()
    load_textures.cache_clear()


@pytest.mark.parametrize("level", LEVELS)
def test_frost(level):
    kept, added = {1: (1, 0.2), 2: (1, 0.3), 3: (0.9, 0.4), 4: (0.85, 0.4), 5: (0.75, 0.45)}[level]

    def literal(image, generator):
        texture = load_textures("generated")[generator.integers(5)]
        top = generator.integers(texture.shape[0] - 32)
        left = generator.integers(texture.shape[1] - 32)
        return kept * image + added * texture[top : top + 32, left : left + 32] / 255

    compare("frost", level, literal)


def test_generated_textures_are_the_same_every_time_and_differ():
    first = load_textures("generated")
    load_textures.cache_clear()
    again = load_textures("generated")
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert len({texture.tobytes() for texture in first}) == 5
    for texture in first:
        assert texture.dtype == np.uint8
        assert 100 < texture.mean() < 200
        assert (texture[..., 2] >= texture[..., 0]).all()  # pale blue


@needs_photographs
def test_photographs_are_every_fifth_pixel_of_the_published_files():
    textures = load_textures("photographs")
    assert [texture.shape for texture in textures] == [
        (120, 180, 3), (63, 112, 3), (63, 112, 3), (70, 105, 3), (99, 132, 3),
    ]  # fmt: skip
    assert "imagecorruptions" not in sys.modules
    images = pictures()
    by_photographs, by_drawing = (
        corrupt(images, "frost", 5, generators(3), textures) for textures in ("photographs", "generated")
    )
    assert not torch.equal(by_photographs, by_drawing)


def test_photographs_that_are_not_installed_are_one_line(installed):
    installed(None)
    assert best_textures() == "generated"
    with pytest.raises(DependencyNotFoundError, match=r"imagecorruptions-imaug.*frost='generated'") as caught:
        load_textures("photographs")
    assert "\n" not in str(caught.value)


def test_a_package_without_textures_does_not_count(installed, tmp_path):
    installed([tmp_path])
    assert best_textures() == "generated"


def test_photographs_are_read_from_the_package_and_checked(installed, tmp_path, monkeypatch):
    folder = tmp_path / "imagecorruptions" / "frost"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    sums = {}
    for name in frost.PHOTOGRAPHS:
        Image.fromarray(noise).save(folder / name.replace("jpg", "png"))
        (folder / name.replace("jpg", "png")).rename(folder / name)
        sums[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    installed([folder.parent])
    assert best_textures() == "photographs"
    with pytest.raises(FileFormatError, match=r"frost1\.png.*not the published one"):
        load_textures("photographs")
    monkeypatch.setattr(frost, "PHOTOGRAPHS", sums)
    textures = load_textures("photographs")
    for y, x in ((0, 0), (3, 7), (39, 59)):
        assert (textures[0][y, x] == noise[5 * y + 2, 5 * x + 2]).all()
