from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from fdd_lightning.datamodules import CMNISTBackground, CMNISTForeground
from fdd_lightning.datasets.originals import Original
from tests.datamodules.contract import DataModuleContract
from tests.datamodules.test_cmnist import OTHER, ROOT, needs_mnist
from tests.fakes import mnist_arrays, write_mnist


class TestCMNISTForeground(DataModuleContract):
    kind = CMNISTForeground

    def write_source(self, root: Path) -> None:
        write_mnist(root)

    def test_counts(self, data):
        assert (len(data.train), len(data.test)) == (600, 200)
        sizes = data.train.cells(10, 10).sum(1)
        assert data.train.cells(10, 10).diag().tolist() == [int(n * 0.9) for n in sizes.tolist()]


class TestCMNISTBackground(DataModuleContract):
    kind = CMNISTBackground

    def write_source(self, root: Path) -> None:
        write_mnist(root)


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.3, 0.4, 0.05, 0.7])
def test_the_majority_share_is_free_of_rounding_errors(ratio, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_DATA", str(write_mnist(tmp_path)))
    data = CMNISTForeground(conflict_ratio=ratio)
    hundreds = torch.arange(10).repeat_interleave(100)

    def load(**_: object) -> tuple[Tensor, Tensor]:
        return mnist_arrays(1000)[0], hundreds

    monkeypatch.setattr(data, "load", load)
    train = data.build()["train"]
    own = torch.bincount(train.targets[train.targets == train.groups])
    assert own.tolist() == [100 - round(100 * ratio)] * 10


def test_a_download_needs_no_root(tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FDD_DATA", str(tmp_path / "new"))
    asked = []

    def load(_self: Original, root: Path, *, train: bool, download: bool) -> tuple[Tensor, Tensor]:
        asked.append((root, train, download))
        return mnist_arrays(100)

    monkeypatch.setattr(Original, "load", load)
    data = CMNISTForeground(download=True)
    assert data.missing is None
    data.setup()
    assert asked == [(tmp_path / "new", True, True), (tmp_path / "new", False, True)]


@needs_mnist
@pytest.mark.parametrize("kind", [CMNISTForeground, CMNISTBackground])
def test_published_counts_on_real_mnist(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    data = kind(root=ROOT)
    data.setup()
    train, test = (torch.tensor(data.manifest["cells"][split]) for split in ("train", "test"))
    sizes = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.sum(1).tolist() == sizes
    assert train.diag().tolist() == [int(n * 0.9) for n in sizes]
    assert (int(train[OTHER].min()), int(train[OTHER].max())) == (55, 75)
    assert int(test.sum()) == 10_000
    assert (int(test.min()), int(test.max())) == (83, 114)
    assert data.manifest["conflict_ratio"] == pytest.approx(0.1, abs=2e-4)
