from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fdd_lightning.datamodules import FashionMNIST
from fdd_lightning.datamodules.loader import BatchLoader
from tests.datamodules.contract import DataModuleContract
from tests.datamodules.test_cfmnist import ROOT, needs_fashion
from tests.fakes import mnist_arrays, write_mnist


class TestFashionMNIST(DataModuleContract):
    kind = FashionMNIST
    twin = False

    def write_source(self, root: Path) -> None:
        write_mnist(root, name="FashionMNIST")

    def test_images_are_as_they_were(self, data):
        images, labels = mnist_arrays(600)
        assert torch.equal(data.train.images, images[:, None])
        assert torch.equal(data.train.targets, labels)
        assert not data.train.groups.any()

    def test_the_seed_decides(self, data):
        """Nothing is drawn, so it decides nothing but the order of batches."""
        other = self.kind(seed=1)
        other.setup()
        assert other.cache_folder == data.cache_folder
        assert other.fingerprint == data.fingerprint
        orders = []
        for shuffled in (data.train_dataloader(), other.train_dataloader()):
            assert isinstance(shuffled, BatchLoader)
            orders.append(next(iter(shuffled))["index"])
        assert not torch.equal(*orders)


@needs_fashion
def test_real_fashion_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    data = FashionMNIST(root=ROOT)
    data.setup()
    assert data.manifest["cells"] == {"train": [[6000]] * 10, "test": [[1000]] * 10}
    pixels = data.train.images.double() / 255
    assert float(pixels.mean()) == pytest.approx(data.mean[0], abs=1e-3)
    assert float(pixels.std()) == pytest.approx(data.std[0], abs=1e-3)
