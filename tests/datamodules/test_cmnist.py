from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import pad

from fdd_lightning.datamodules import CMNIST
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FileFormatError
from fdd_lightning.utils import paths
from tests.datamodules.contract import DataModuleContract
from tests.fakes import write_mnist
from tests.fakes_natural import write_dfa, write_picture

# Read at import: the tests of the contract set the variable to their own miniature.
ROOT = os.environ.get("FDD_DATA")
needs_mnist = pytest.mark.skipif(
    not ROOT or not Path(ROOT, "MNIST", "raw").is_dir(), reason="set FDD_DATA to a data root with MNIST/raw"
)
OTHER = ~torch.eye(10, dtype=torch.bool)


class TestCMNIST(DataModuleContract):
    kind = CMNIST

    def write_source(self, root: Path) -> None:
        write_mnist(root)

    def test_counts(self, data):
        assert (len(data.train), len(data.test)) == (550, 200)
        assert int(data.train.cells(10, 10)[OTHER].sum()) == round(0.9 * 0.05 * 550)


CELLS = tuple(
    tuple(6 if target == group else int(group in (target - 1, target + 2)) for group in range(10))
    for target in range(10)
)


class TestReadyMade:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("FDD_DATA", str(tmp_path / "nowhere"))  # MNIST is not needed
        monkeypatch.setenv("FDD_CACHE", str(tmp_path / "cache"))
        return write_dfa(tmp_path / "cmnist", CELLS, 2, "2pct", 28, test_classes=True)

    def test_images_are_those_of_the_folders(self, folder):
        data = CMNIST(conflict_ratio=0.02, folder=str(folder))
        data.setup()
        assert data.train.cells(10, 10).tolist() == [list(row) for row in CELLS]
        assert data.test.cells(10, 10).tolist() == [[2] * 10] * 10
        conflicting = int(torch.tensor(CELLS)[OTHER].sum())
        assert data.manifest["conflict_ratio"] == conflicting / len(data.train)
        first = min((folder / "2pct" / "align").rglob("*.png"))
        with Image.open(first) as picture:
            pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        assert torch.equal(data.train.images[0], pad(pixels, (2, 2, 2, 2)))
        again = CMNIST(**CMNIST.arguments(data.parameters))
        assert again.cache_folder == data.cache_folder

    def test_other_files_are_another_set(self, folder):
        before = CMNIST(conflict_ratio=0.02, folder=str(folder)).cache_folder
        write_picture(folder / "test" / "3" / "99999_3_4.png", (28, 28))
        assert CMNIST(conflict_ratio=0.02, folder=str(folder)).cache_folder != before

    def test_bad_folders_are_one_line(self, folder):
        with pytest.raises(ConfigError, match="unbiased twin"):
            CMNIST(conflict_ratio=None, folder=str(folder))
        data = CMNIST(conflict_ratio=0.05, folder=str(folder))
        with pytest.raises(DatasetNotFoundError, match=r"5pct/align.*\(it has 2pct\)") as caught:
            data.prepare_data()
        assert data.missing == str(caught.value)
        assert "\n" not in str(caught.value)
        write_picture(folder / "test" / "3" / "99999_3_10.png", (28, 28))
        with pytest.raises(FileFormatError, match=r"99999_3_10\.png.*outside 0\.\.9"):
            CMNIST(conflict_ratio=0.02, folder=str(folder)).prepare_data()
        assert list(paths.cache_root().iterdir()) == []


@needs_mnist
@pytest.mark.parametrize(
    ("ratio", "conflicting", "cells"),
    [(0.005, 249, (2, 3)), (0.01, 491, (5, 6)), (0.02, 986, (10, 11)), (0.05, 2449, (27, 28))],
)
def test_published_counts_on_real_mnist(ratio, conflicting, cells, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    data = CMNIST(conflict_ratio=ratio, root=ROOT)
    data.setup()
    train, test = (torch.tensor(data.manifest["cells"][split]) for split in ("train", "test"))
    assert int(train.sum()) == 55_000
    assert int(train[OTHER].sum()) == conflicting
    assert (int(train[OTHER].min()), int(train[OTHER].max())) == cells
    rows, columns = (train * OTHER).sum(1), (train * OTHER).sum(0)
    assert int(rows.max() - rows.min()) <= 1
    assert int(columns.max() - columns.min()) <= 1
    assert data.manifest["conflict_ratio"] == conflicting / 55_000
    assert test.sum(1).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (int(test.min()), int(test.max())) == (89, 114)


@needs_mnist
def test_the_unbiased_twin_on_real_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    data = CMNIST(conflict_ratio=None, root=ROOT)
    data.setup()
    cells = data.train.cells(10, 10)
    assert int(cells.sum()) == 55_000
    assert int((cells.max(1).values - cells.min(1).values).max()) <= 1
