from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from fdd_lightning.datasets.mnist import load_mnist, require_mnist
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from tests.fakes import mnist_arrays, write_mnist


def test_the_miniature_loads_as_the_real_one(tmp_path):
    write_mnist(tmp_path, 60, 20)
    images, labels = load_mnist(tmp_path, train=True)
    assert images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert torch.equal(images, mnist_arrays(60)[0])
    assert torch.equal(labels, mnist_arrays(60)[1])
    assert load_mnist(tmp_path, train=False)[0].shape == (20, 28, 28)


def test_missing_files_are_one_line_with_both_ways_out(tmp_path):
    write_mnist(tmp_path, 60, 20)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DatasetNotFoundError) as caught:
        require_mnist(tmp_path)
    line = str(caught.value)
    assert "\n" not in line
    assert all(
        word in line for word in ("t10k-labels-idx1-ubyte", str(tmp_path), "FDD_DATA", "`root`", "download=True")
    )


@pytest.mark.parametrize("size", [0, 3, 10, 1000])
def test_a_damaged_file_is_one_line(tmp_path, size):
    write_mnist(tmp_path, 60, 20)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(FileFormatError, match="cannot be read") as caught:
        load_mnist(tmp_path, train=True)
    assert "\n" not in str(caught.value)


def test_images_and_labels_that_do_not_match_are_refused(tmp_path):
    write_mnist(tmp_path / "a", 60, 20)
    write_mnist(tmp_path / "b", 61, 20)
    name = Path("MNIST", "raw", "train-labels-idx1-ubyte")
    (tmp_path / "b" / name).replace(tmp_path / "a" / name)
    with pytest.raises(FileFormatError, match="60 images and 61 labels"):
        load_mnist(tmp_path / "a", train=True)


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("Error downloading x:\nTried y, got:\nno network")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", fail)
    with pytest.raises(DatasetNotFoundError, match="by hand") as caught:
        load_mnist(tmp_path, train=True, download=True)
    assert "\n" not in str(caught.value)
