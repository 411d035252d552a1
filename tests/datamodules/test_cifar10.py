from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fdd_lightning.datamodules import CIFAR10, CIFAR10S, CorruptedCIFAR10
from fdd_lightning.datamodules.loader import BatchLoader
from fdd_lightning.datasets import originals
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from fdd_lightning.utils import paths
from tests.datamodules.contract import DataModuleContract
from tests.fakes_cifar import cifar_arrays, write_cifar_batches, write_cifar_folders

# Read at import: the tests of the contract set the variable to their own miniature.
ROOT = os.environ.get("FDD_DATA")
needs_cifar = pytest.mark.skipif(
    not ROOT or not any(Path(ROOT, name).is_dir() for name in ("cifar-10-batches-py", "cifar10")),
    reason="set FDD_DATA to a data root with cifar-10-batches-py or cifar10/{train,test}",
)


@cache
def real_test_images() -> tuple[Tensor, Tensor]:
    """The 10,000 test images of the data root; read once, because decoding takes seconds."""
    assert ROOT is not None
    return originals.CIFAR10.load(Path(ROOT), train=False)


class TestCIFAR10(DataModuleContract):
    kind = CIFAR10
    twin = False

    def write_source(self, root: Path) -> None:
        write_cifar_folders(root, train=10, test=3)

    def test_images_are_as_they_were(self, data):
        images, labels = cifar_arrays(10)
        assert torch.equal(data.train.images, images)
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

    def test_batches_and_folders_are_two_caches(self, data, places, monkeypatch):
        images, _ = write_cifar_batches(places, monkeypatch)
        other = self.kind()
        other.setup()
        assert other.cache_folder != data.cache_folder
        assert torch.equal(other.train.images, images)


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR10S, CorruptedCIFAR10])
class TestSource:
    @pytest.fixture(autouse=True)
    def places(self, tmp_path, monkeypatch):
        monkeypatch.setenv("FDD_DATA", str(tmp_path / "data"))
        monkeypatch.setenv("FDD_CACHE", str(tmp_path / "cache"))
        return tmp_path / "data"

    def test_it_is_fetched_on_demand(self, kind, places, tmp_path, monkeypatch):
        write_cifar_batches(tmp_path / "far", monkeypatch)

        def fetch(_self: originals.Original, root: Path) -> None:
            shutil.copytree(tmp_path / "far", root, dirs_exist_ok=True)

        monkeypatch.setattr(originals.Original, "fetch", fetch)
        with pytest.raises(DatasetNotFoundError, match="does not exist"):
            kind().prepare_data()
        data = kind(download=True)
        assert data.missing is None
        folder = data.cache_folder
        data.setup()
        assert data.cache_folder == folder == kind().cache_folder
        assert len(data.train) in (100, 90)

    @pytest.mark.parametrize("what", ["missing", "empty", "damaged"])
    def test_a_bad_folder_is_one_line_and_leaves_nothing(self, kind, what, places):
        write_cifar_folders(places, train=5, test=2)
        folder = places / "cifar10" / "test" / "ship"
        named = str(folder)
        if what == "damaged":
            path = min(folder.iterdir())
            path.write_bytes(path.read_bytes()[:200])
            named = str(path)
        else:
            shutil.rmtree(folder)
            if what == "empty":
                folder.mkdir()
        data = kind()
        with pytest.raises((DatasetNotFoundError, FileFormatError)) as caught:
            data.prepare_data()
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)
        assert list(paths.cache_root().iterdir()) == []
        assert (data.missing is None) == (what == "damaged")


@needs_cifar
def test_real_cifar10():
    images, labels = real_test_images()
    assert images.shape == (10_000, 3, 32, 32)
    assert torch.bincount(labels).tolist() == [1000] * 10
    assert images.double().mean(dim=(0, 2, 3)).div(255).tolist() == pytest.approx(CIFAR10.mean, abs=0.005)
