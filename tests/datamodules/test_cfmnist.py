from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from fdd_lightning.datamodules import CFMNISTBackground, CFMNISTBackgroundIntended, CFMNISTForeground
from fdd_lightning.datasets.colors import FAIRDD_COLORS
from tests.datamodules.contract import DataModuleContract
from tests.fakes import write_mnist

# Read at import: the tests of the contract set the variable to their own miniature.
ROOT = os.environ.get("FDD_DATA")
needs_fashion = pytest.mark.skipif(
    not ROOT or not Path(ROOT, "FashionMNIST", "raw").is_dir(), reason="set FDD_DATA to a root with FashionMNIST/raw"
)
OTHER = ~torch.eye(10, dtype=torch.bool)


class CFMNISTContract(DataModuleContract):
    def write_source(self, root: Path) -> None:
        write_mnist(root, name="FashionMNIST")

    def test_counts(self, data):
        assert (len(data.train), len(data.test)) == (600, 200)
        sizes = data.train.cells(10, 10).sum(1)
        assert data.train.cells(10, 10).diag().tolist() == [int(n * 0.9) for n in sizes.tolist()]


class TestCFMNISTForeground(CFMNISTContract):
    kind = CFMNISTForeground


class TestCFMNISTBackground(CFMNISTContract):
    kind = CFMNISTBackground


class TestCFMNISTBackgroundIntended(CFMNISTContract):
    kind = CFMNISTBackgroundIntended


@needs_fashion
@pytest.mark.parametrize("kind", [CFMNISTForeground, CFMNISTBackground, CFMNISTBackgroundIntended])
def test_published_counts_on_real_fashion_mnist(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    data = kind(root=ROOT)
    data.setup()
    train, test = (torch.tensor(data.manifest["cells"][split]) for split in ("train", "test"))
    assert train.diag().tolist() == [5400] * 10
    assert train.sum(1).tolist() == [6000] * 10
    assert (int(train[OTHER].min()), int(train[OTHER].max())) == (64, 67)
    assert (int(test.min()), int(test.max())) == (100, 100)
    assert data.manifest["conflict_ratio"] == pytest.approx(0.1)
    corner = data.train.images[:, :, 0, 0]
    expected = torch.zeros_like(corner) if kind is CFMNISTForeground else FAIRDD_COLORS[data.train.groups]
    assert torch.equal(corner, expected)
