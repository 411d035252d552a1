from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from fdd_lightning.datamodules import CMNIST
from tests.datamodules.contract import DataModuleContract
from tests.fakes import write_mnist

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
