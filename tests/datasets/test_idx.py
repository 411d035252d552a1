from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
import torch
import torchvision

from fdd_lightning.datasets.idx import FASHION_MNIST, FILES, MNIST
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from tests.fakes import mnist_arrays, write_mnist
from tests.web import served


@pytest.fixture(params=[MNIST, FASHION_MNIST], ids=lambda source: source.name)
def source(request):
    return request.param


@pytest.fixture
def root(tmp_path, source) -> Path:
    return write_mnist(tmp_path / "root", 60, 20, name=source.name)


@pytest.fixture
def site(root, source, tmp_path, monkeypatch):
    """A server of the miniature's archives, which torchvision's class points to."""
    kind = getattr(torchvision.datasets, source.name)
    archives = {name + ".gz": gzip.compress((root / source.raw / name).read_bytes(), mtime=0) for name in FILES}
    with served() as site:
        site.files = {f"/{name}": content for name, content in archives.items()}
        monkeypatch.setattr(kind, "mirrors", ["http://127.0.0.1:9/", site.url + "/"])
        checksums = [(name, hashlib.md5(content).hexdigest()) for name, content in archives.items()]
        monkeypatch.setattr(kind, "resources", checksums)
        yield site


def test_the_miniature_loads_as_the_real_one(root, source):
    images, labels = source.load(root, train=True)
    assert images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert torch.equal(images, mnist_arrays(60)[0])
    assert torch.equal(labels, mnist_arrays(60)[1])
    assert source.load(root, train=False)[0].shape == (20, 28, 28)


def test_both_are_torchvisions():
    for source in (MNIST, FASHION_MNIST):
        kind = getattr(torchvision.datasets, source.name)
        assert [Path(name).stem for name, _ in kind.resources] == list(FILES)
    assert list(FASHION_MNIST.class_names) == torchvision.datasets.FashionMNIST.classes
    assert [name[0] for name in torchvision.datasets.MNIST.classes] == list(MNIST.class_names)


@pytest.mark.parametrize("name", FILES)
def test_missing_files_are_one_line_with_both_ways_out(root, source, name):
    (root / source.raw / name).unlink()
    with pytest.raises(DatasetNotFoundError) as caught:
        source.require(root)
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in (source.name, name, str(root), "FDD_DATA", "`root`", "download=True"))
    with pytest.raises(DatasetNotFoundError):
        source.load(root, train=True)


@pytest.mark.parametrize("size", [0, 3, 10, 1000])
def test_a_damaged_file_is_one_line(root, source, size):
    path = root / source.raw / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(FileFormatError, match="cannot be read") as caught:
        source.load(root, train=True)
    assert "\n" not in str(caught.value)


def test_images_and_labels_that_do_not_match_are_refused(root, source, tmp_path):
    write_mnist(tmp_path / "other", 61, 20, name=source.name)
    name = source.raw / "train-labels-idx1-ubyte"
    (tmp_path / "other" / name).replace(root / name)
    with pytest.raises(FileFormatError, match="60 images and 61 labels"):
        source.load(root, train=True)


def test_a_download_ends_in_torchvisions_layout(site, source, tmp_path):
    images, labels = source.load(tmp_path / "new", train=True, download=True)
    assert torch.equal(images, mnist_arrays(60)[0])
    assert torch.equal(labels, mnist_arrays(60)[1])
    names = {path.name for path in (tmp_path / "new" / source.raw).iterdir()}
    assert names == {*FILES, *(name + ".gz" for name in FILES)}
    asked = len(site.asked)
    source.load(tmp_path / "new", train=False, download=True)
    assert len(site.asked) == asked == 4


def test_only_what_is_missing_is_fetched(site, source, root):
    (root / source.raw / FILES[2]).unlink()
    assert source.load(root, train=False, download=True)[0].shape == (20, 28, 28)
    assert [path for path, _ in site.asked] == [f"/{FILES[2]}.gz"]


def test_a_failed_download_says_what_to_do(site, source, tmp_path):
    site.files = {}
    with pytest.raises(DatasetNotFoundError, match="by hand") as caught:
        source.load(tmp_path / "new", train=True, download=True)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    assert all(word in line for word in (f"{FILES[0]}.gz", str(tmp_path / "new" / source.raw), "HTTP 404"))


def test_a_wrong_archive_is_not_unpacked(site, source, tmp_path):
    site.files[f"/{FILES[0]}.gz"] = gzip.compress(b"something else")
    with pytest.raises(DatasetNotFoundError, match="md5"):
        source.load(tmp_path / "new", train=True, download=True)
    assert not any((tmp_path / "new" / source.raw).iterdir())
