from __future__ import annotations

import shutil
import tarfile

import pytest
import torch
from PIL import Image

from fdd_lightning.datasets import cifar10
from fdd_lightning.datasets.cifar10 import (
    CLASS_NAMES,
    fetch_cifar10,
    load_cifar10,
    require_cifar10,
    source_state,
)
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from tests.fakes_cifar import cifar_arrays, write_cifar_batches, write_cifar_folders


def test_class_folders_are_read_class_by_class(tmp_path):
    write_cifar_folders(tmp_path, train=7, test=3)
    for train, per_class, seed in ((True, 7, 0), (False, 3, 1)):
        images, labels = load_cifar10(tmp_path, train=train)
        expected, classes = cifar_arrays(per_class, seed)
        assert torch.equal(images, expected)
        assert torch.equal(labels, classes)
        assert images.is_contiguous()


def test_the_order_of_the_classes_is_that_of_the_folders():
    assert sorted(CLASS_NAMES) == list(CLASS_NAMES)


def test_folders_may_hold_images_of_another_size(tmp_path):
    write_cifar_folders(tmp_path, train=2, test=1)
    Image.new("RGB", (64, 48), (10, 200, 30)).save(tmp_path / "cifar10" / "test" / "dog" / "z.png")
    images, labels = load_cifar10(tmp_path, train=False)
    assert images.shape == (11, 3, 32, 32)
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9]
    assert images[6].flatten(1).unique(dim=1).flatten().tolist() == [10, 200, 30]


def test_batches_are_read_in_the_order_of_the_files(tmp_path, monkeypatch):
    images, labels = write_cifar_batches(tmp_path, monkeypatch)
    read, classes = load_cifar10(tmp_path, train=True)
    assert torch.equal(read, images)
    assert torch.equal(classes, labels)
    assert load_cifar10(tmp_path, train=False)[0].shape == (20, 3, 32, 32)


def test_batches_come_before_folders(tmp_path, monkeypatch):
    write_cifar_folders(tmp_path, train=2, test=1)
    images, _ = write_cifar_batches(tmp_path, monkeypatch)
    assert torch.equal(load_cifar10(tmp_path, train=True)[0], images)


def test_the_state_tells_layouts_and_files_apart(tmp_path, monkeypatch):
    empty = source_state(tmp_path)
    write_cifar_folders(tmp_path, train=2, test=1)
    first = source_state(tmp_path)
    assert source_state(tmp_path) == first
    (tmp_path / "cifar10" / "train" / "cat" / "0006.png").rename(tmp_path / "cifar10" / "train" / "cat" / "0099.png")
    second = source_state(tmp_path)
    write_cifar_batches(tmp_path, monkeypatch)
    third = source_state(tmp_path)
    assert len({first, second, third}) == 3
    assert third == empty  # what would be fetched is what now lies there


def test_a_batch_of_other_bytes_is_never_unpickled(tmp_path, monkeypatch):
    write_cifar_batches(tmp_path, monkeypatch)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    trap = tmp_path / "trap"
    path.write_bytes(b"cposix\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
    with pytest.raises(FileFormatError, match=r"cifar-10-batches-py.*not the published one.*download=True") as caught:
        load_cifar10(tmp_path, train=True)
    assert "\n" not in str(caught.value)
    assert not trap.exists()


def test_nothing_there_is_one_line_with_the_ways_out(tmp_path):
    for call in (require_cifar10, lambda root: load_cifar10(root, train=True)):
        with pytest.raises(DatasetNotFoundError) as caught:
            call(tmp_path)
        line = str(caught.value)
        assert "\n" not in line
        assert all(word in line for word in (str(tmp_path), "cifar-10-batches-py", "FDD_DATA", "root", "download"))


@pytest.mark.parametrize("what", ["missing", "empty", "damaged"])
def test_a_wrong_class_folder_is_named(tmp_path, what):
    write_cifar_folders(tmp_path, train=2, test=1)
    folder = tmp_path / "cifar10" / "train" / "frog"
    named = str(folder)
    if what == "damaged":
        path = sorted(folder.iterdir())[1]
        path.write_bytes(path.read_bytes()[:200])
        named = str(path)
    else:
        shutil.rmtree(folder)
        if what == "empty":
            folder.mkdir()
    with pytest.raises((DatasetNotFoundError, FileFormatError)) as caught:
        load_cifar10(tmp_path, train=True)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    if what != "damaged":
        with pytest.raises(DatasetNotFoundError, match="frog"):
            source_state(tmp_path)


def test_fetching_unpacks_the_published_archive(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    images, _ = write_cifar_batches(tmp_path / "far", monkeypatch)
    asked = []

    def fetch(remote, folder):
        asked.append(remote)
        folder.mkdir(exist_ok=True)
        path = folder / remote.name
        with tarfile.open(path, "w:gz") as archive:
            archive.add(tmp_path / "far" / "cifar-10-batches-py", "cifar-10-batches-py")
        return path

    monkeypatch.setattr(cifar10, "fetch", fetch)
    near = tmp_path / "near"
    fetch_cifar10(near)
    assert torch.equal(load_cifar10(near, train=True)[0], images)
    assert [(r.url, r.name, r.md5) for r in asked] == [(CIFAR10.url, CIFAR10.filename, CIFAR10.tgz_md5)]
    fetch_cifar10(near)
    fetch_cifar10(write_cifar_folders(tmp_path / "other", train=1, test=1))
    assert len(asked) == 1  # either layout is enough
