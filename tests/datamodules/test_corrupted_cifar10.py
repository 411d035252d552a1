from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fdd_lightning.datamodules import CorruptedCIFAR10
from fdd_lightning.datamodules import corrupted_cifar10 as module
from fdd_lightning.datamodules.corrupted_cifar10 import HELD_OUT
from fdd_lightning.datasets.image_set import count_cells
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.utils import paths
from tests.datamodules.contract import DataModuleContract
from tests.datamodules.test_cifar10 import needs_cifar, real_test_images
from tests.fakes_cifar import write_cifar_folders
from tests.fakes_natural import write_dfa, write_picture

OTHER = ~torch.eye(10, dtype=torch.bool)


class TestCorruptedCIFAR10(DataModuleContract):
    kind = CorruptedCIFAR10

    def write_source(self, root: Path) -> None:
        write_cifar_folders(root, train=30, test=10)

    def test_counts(self, data):
        assert (len(data.train), len(data.test)) == (270, 100)
        assert int(data.train.cells(10, 10)[OTHER].sum()) == round(0.05 * 270)
        assert data.test.cells(10, 10).tolist() == [[1] * 10] * 10
        assert data.manifest["left_out"] == {HELD_OUT: 30}

    def test_lists_and_levels_are_sets_of_their_own(self):
        data = CorruptedCIFAR10()
        assert data.group_names[3] == "frost"
        others = [
            CorruptedCIFAR10(corruptions="lff_type0"),
            CorruptedCIFAR10(corruptions="lff_type1"),
            CorruptedCIFAR10(level=4),
        ]
        assert len({other.cache_folder for other in (data, *others)}) == 4
        assert others[0].group_names[0] == "snow"
        assert others[1].group_names[9] == "original"

    def test_which_frost_was_taken_stands_in_the_parameters(self, monkeypatch):
        for best in ("photographs", "generated"):
            monkeypatch.setattr(module, "best_textures", lambda best=best: best)
            assert CorruptedCIFAR10().parameters["frost"] == best
            assert CorruptedCIFAR10(frost="generated").parameters["frost"] == "generated"
            assert CorruptedCIFAR10(corruptions="lff_type1").parameters["frost"] is None

    @pytest.mark.parametrize(
        ("arguments", "match"),
        [({"level": 0}, "level must be .* not 0"), ({"level": 6}, "level must be .* not 6"),
         ({"corruptions": "dfa2"}, "'dfa2'.*lff_type1"),
         ({"frost": "melted"}, "'melted'.*generated")],
    )  # fmt: skip
    def test_senseless_choices_are_one_line(self, arguments, match):
        with pytest.raises(ConfigError, match=match) as caught:
            CorruptedCIFAR10(**arguments)
        assert "\n" not in str(caught.value)


CELLS = tuple(
    tuple(9 if group == target else int(group == (target + 1) % 10) for group in range(10)) for target in range(10)
)


class TestReadyMade:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("FDD_DATA", str(tmp_path / "nowhere"))  # CIFAR-10 is not needed
        monkeypatch.setenv("FDD_CACHE", str(tmp_path / "cache"))
        return write_dfa(tmp_path / "cifar10c", CELLS, 1, "1pct", 32, test_classes=True)

    def test_images_are_those_of_the_folders(self, folder):
        data = CorruptedCIFAR10(conflict_ratio=0.01, folder=str(folder))
        data.setup()
        assert data.train.cells(10, 10).tolist() == [list(row) for row in CELLS]
        assert data.test.cells(10, 10).tolist() == [[1] * 10] * 10
        assert data.manifest["conflict_ratio"] == 0.1
        assert data.parameters["frost"] is None
        first = min((folder / "1pct" / "align").rglob("*.png"))
        with Image.open(first) as picture:
            assert torch.equal(data.train.images[0], torch.from_numpy(np.array(picture)).permute(2, 0, 1))
        again = CorruptedCIFAR10(**CorruptedCIFAR10.arguments(data.parameters))
        assert again.cache_folder == data.cache_folder

    def test_other_files_are_another_set(self, folder):
        before = CorruptedCIFAR10(conflict_ratio=0.01, folder=str(folder)).cache_folder
        write_picture(folder / "test" / "3" / "99999_3_4.png", (32, 32))
        assert CorruptedCIFAR10(conflict_ratio=0.01, folder=str(folder)).cache_folder != before

    def test_bad_folders_are_one_line(self, folder):
        with pytest.raises(ConfigError, match="unbiased twin"):
            CorruptedCIFAR10(conflict_ratio=None, folder=str(folder))
        data = CorruptedCIFAR10(folder=str(folder))
        with pytest.raises(DatasetNotFoundError, match=r"5pct/align.*\(it has 1pct\)") as caught:
            data.prepare_data()
        assert data.missing == str(caught.value)
        assert "\n" not in str(caught.value)
        assert list(paths.cache_root().iterdir()) == []


@needs_cifar
@pytest.mark.parametrize(
    ("ratio", "conflicting", "cells"),
    [(0.005, 225, (2, 3)), (0.01, 450, (5, 5)), (0.02, 900, (10, 10)), (0.05, 2250, (25, 25))],
)
def test_counts_on_real_cifar10(ratio, conflicting, cells):
    """Labels alone decide, and those of the whole set are known; pixels are not read."""
    labels = torch.arange(10).repeat_interleave(5000)
    pixels = torch.zeros(1, 3, 32, 32, dtype=torch.uint8).expand(50_000, 3, 32, 32)
    split = CorruptedCIFAR10(conflict_ratio=ratio).construct(pixels, labels, "train")
    counts = count_cells(split.targets, split.groups, 10, 10)
    assert counts.sum(1).tolist() == [4500] * 10
    assert int(counts[OTHER].sum()) == conflicting
    assert (int(counts[OTHER].min()), int(counts[OTHER].max())) == cells


@needs_cifar
def test_a_part_of_real_cifar10_is_corrupted_in_time():
    images, labels = real_test_images()
    images, labels = images[::5], labels[::5]
    start = time.process_time()
    split = CorruptedCIFAR10(corruptions="lff_type0", frost="generated").construct(images, labels, "train")
    pixels = torch.cat(list(split.images))
    assert time.process_time() - start < 8  # 1,800 images; the whole set may then take some minutes
    assert len(pixels) == len(split.targets) == 1800
    contrast = pixels[split.groups == 4].double().std(dim=(2, 3)).mean()
    saturated = pixels[split.groups == 9].double().std(dim=(2, 3)).mean()
    assert contrast < 0.25 * saturated
