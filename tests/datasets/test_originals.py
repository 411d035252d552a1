from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import shutil
import tarfile
import threading
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from PIL import Image
from torchvision.datasets import utils as downloads

from fdd_lightning.datasets.originals import CIFAR10, FASHION_MNIST, IDX_FILES, MNIST
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from tests.fakes import mnist_arrays, write_mnist
from tests.fakes_cifar import cifar_arrays, write_cifar_batches, write_cifar_folders


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A folder that stands in for the web, and the addresses that were asked for."""
    folder = tmp_path / "web"
    folder.mkdir()
    asked = []

    def retrieve(url: str, filename: str, **_: object) -> None:
        asked.append(url)
        if "nowhere" in url or not (folder / Path(url).name).is_file():
            raise URLError("HTTP 404 Not Found")
        shutil.copy(folder / Path(url).name, filename)

    monkeypatch.setattr(downloads, "_urlretrieve", retrieve)
    monkeypatch.setattr(downloads, "_get_redirect_url", lambda url, **_: url)
    return folder, asked


# MNIST and Fashion-MNIST


@pytest.fixture(params=[MNIST, FASHION_MNIST], ids=lambda source: source.name)
def source(request):
    return request.param


@pytest.fixture
def root(tmp_path, source) -> Path:
    return write_mnist(tmp_path / "root", 60, 20, name=source.name)


@pytest.fixture
def site(root, source, web, monkeypatch):
    """The miniature's archives on the web, as torchvision's class knows them."""
    folder, asked = web
    kind = getattr(torchvision.datasets, source.kind)
    checksums = []
    for name in IDX_FILES:
        content = gzip.compress((root / source.folder / name).read_bytes(), mtime=0)
        (folder / f"{name}.gz").write_bytes(content)
        checksums.append((f"{name}.gz", hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(kind, "mirrors", ["http://nowhere/", "http://mirror/"])
    monkeypatch.setattr(kind, "resources", checksums)
    return folder, asked


def test_the_miniature_loads_as_the_real_one(root, source):
    images, labels = source.load(root, train=True)
    assert images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert torch.equal(images, mnist_arrays(60)[0])
    assert torch.equal(labels, mnist_arrays(60)[1])
    assert source.load(root, train=False)[0].shape == (20, 28, 28)


def test_they_are_torchvisions():
    for source in (MNIST, FASHION_MNIST):
        kind = getattr(torchvision.datasets, source.kind)
        assert [Path(name).stem for name, _ in kind.resources] == list(IDX_FILES)
    assert list(FASHION_MNIST.class_names) == torchvision.datasets.FashionMNIST.classes
    assert [name[0] for name in torchvision.datasets.MNIST.classes] == list(MNIST.class_names)
    assert str(CIFAR10.folder) == torchvision.datasets.CIFAR10.base_folder


@pytest.mark.parametrize("name", IDX_FILES)
def test_missing_files_are_one_line_with_both_ways_out(root, source, name):
    (root / source.folder / name).unlink()
    with pytest.raises(DatasetNotFoundError) as caught:
        source.require(root)
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in (source.name, name, str(root), "FDD_DATA", "`root`", "download=True"))
    with pytest.raises(DatasetNotFoundError):
        source.load(root, train=True)


@pytest.mark.parametrize("size", [0, 3, 10, 1000])
def test_a_damaged_file_is_one_line(root, source, size):
    path = root / source.folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(FileFormatError, match="cannot be read") as caught:
        source.load(root, train=True)
    assert "\n" not in str(caught.value)


def test_images_and_labels_that_do_not_match_are_refused(root, source, tmp_path):
    write_mnist(tmp_path / "other", 61, 20, name=source.name)
    name = source.folder / "train-labels-idx1-ubyte"
    (tmp_path / "other" / name).replace(root / name)
    with pytest.raises(FileFormatError, match="60 images and 61 labels"):
        source.load(root, train=True)


def test_a_download_ends_in_torchvisions_layout(site, source, tmp_path):
    images, labels = source.load(tmp_path / "new", train=True, download=True)
    assert torch.equal(images, mnist_arrays(60)[0])
    assert torch.equal(labels, mnist_arrays(60)[1])
    assert {path.name for path in (tmp_path / "new" / source.folder).iterdir()} >= set(IDX_FILES)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [source.folder.parts[0]]
    asked = len(site[1])
    source.load(tmp_path / "new", train=False, download=True)
    assert len(site[1]) == asked


def test_nothing_is_fetched_unless_asked_for(site, source, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="download=True"):
        source.load(tmp_path / "new", train=True)
    assert site[1] == []


@pytest.mark.parametrize("content", [None, gzip.compress(b"something else", mtime=0)])
def test_a_failed_download_says_what_to_do_and_unpacks_nothing(site, source, tmp_path, content):
    archive = site[0] / f"{IDX_FILES[0]}.gz"
    archive.unlink() if content is None else archive.write_bytes(content)
    with pytest.raises(DatasetNotFoundError, match="by hand") as caught:
        source.load(tmp_path / "new", train=True, download=True)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    assert all(word in line for word in (archive.name, str(tmp_path / "new" / source.folder)))
    assert ("404" in line) or content
    assert not (tmp_path / "new" / source.folder / IDX_FILES[0]).exists()


class Endless(http.server.BaseHTTPRequestHandler):
    sent = 0

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                type(self).sent += self.wfile.write(bytes(1 << 16))
        except OSError:  # hung up
            pass

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


def test_a_download_ends_at_the_published_size(source, tmp_path, monkeypatch):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        kind = getattr(torchvision.datasets, source.kind)
        monkeypatch.setattr(kind, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        small = dataclasses.replace(source, megabytes=1)
        with pytest.raises(DatasetNotFoundError, match="sends more than the 1,048,576 bytes that were published"):
            small.fetch(tmp_path / "new")
        server.shutdown()
        thread.join()
    assert all(path.stat().st_size < 1 << 21 for path in (tmp_path / "new").rglob("*") if path.is_file())


# CIFAR-10


def test_class_folders_are_read_class_by_class(tmp_path):
    write_cifar_folders(tmp_path, train=7, test=3)
    for train, per_class, seed in ((True, 7, 0), (False, 3, 1)):
        images, labels = CIFAR10.load(tmp_path, train=train)
        expected, classes = cifar_arrays(per_class, seed)
        assert torch.equal(images, expected)
        assert torch.equal(labels, classes)
        assert images.is_contiguous()


def test_the_order_of_the_classes_is_that_of_the_folders():
    assert sorted(CIFAR10.class_names) == list(CIFAR10.class_names)


def test_folders_may_hold_images_of_another_size(tmp_path):
    write_cifar_folders(tmp_path, train=2, test=1)
    Image.new("RGB", (64, 48), (10, 200, 30)).save(tmp_path / "cifar10" / "test" / "dog" / "z.png")
    images, labels = CIFAR10.load(tmp_path, train=False)
    assert images.shape == (11, 3, 32, 32)
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9]
    assert images[6].flatten(1).unique(dim=1).flatten().tolist() == [10, 200, 30]


def test_batches_are_read_in_the_order_of_the_files(tmp_path, monkeypatch):
    images, labels = write_cifar_batches(tmp_path, monkeypatch)
    read, classes = CIFAR10.load(tmp_path, train=True)
    assert torch.equal(read, images)
    assert torch.equal(classes, labels)
    assert CIFAR10.load(tmp_path, train=False)[0].shape == (20, 3, 32, 32)


def test_batches_come_before_folders(tmp_path, monkeypatch):
    write_cifar_folders(tmp_path, train=2, test=1)
    images, _ = write_cifar_batches(tmp_path, monkeypatch)
    assert torch.equal(CIFAR10.load(tmp_path, train=True)[0], images)


def test_the_state_tells_layouts_and_files_apart(tmp_path, monkeypatch):
    empty = CIFAR10.state(tmp_path)
    write_cifar_folders(tmp_path, train=2, test=1)
    first = CIFAR10.state(tmp_path)
    assert CIFAR10.state(tmp_path) == first
    (tmp_path / "cifar10" / "train" / "cat" / "0006.png").rename(tmp_path / "cifar10" / "train" / "cat" / "0099.png")
    second = CIFAR10.state(tmp_path)
    write_cifar_batches(tmp_path, monkeypatch)
    third = CIFAR10.state(tmp_path)
    assert len({first, second, third}) == 3
    assert third == empty  # what would be fetched is what now lies there


def test_a_batch_of_other_bytes_is_never_unpickled(tmp_path, monkeypatch):
    write_cifar_batches(tmp_path, monkeypatch)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    trap = tmp_path / "trap"
    path.write_bytes(b"cposix\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
    with pytest.raises(FileFormatError, match=r"cifar-10-batches-py.*not the published one.*download=True") as caught:
        CIFAR10.load(tmp_path, train=True)
    assert "\n" not in str(caught.value)
    assert not trap.exists()


def test_nothing_there_is_one_line_with_the_ways_out(tmp_path):
    for call in (CIFAR10.require, lambda root: CIFAR10.load(root, train=True)):
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
        CIFAR10.load(tmp_path, train=True)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    if what != "damaged":
        with pytest.raises(DatasetNotFoundError, match="frog"):
            CIFAR10.state(tmp_path)


def test_the_published_archive_is_fetched_and_unpacked(tmp_path, web, monkeypatch):
    folder, asked = web
    kind = torchvision.datasets.CIFAR10
    images, _ = write_cifar_batches(tmp_path / "far", monkeypatch)
    with tarfile.open(folder / kind.filename, "w:gz") as archive:
        archive.add(tmp_path / "far" / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5((folder / kind.filename).read_bytes()).hexdigest())
    near = tmp_path / "near"
    assert torch.equal(CIFAR10.load(near, train=True, download=True)[0], images)
    assert asked == [kind.url]
    CIFAR10.load(near, train=False, download=True)
    CIFAR10.load(write_cifar_folders(tmp_path / "other", train=1, test=1), train=True, download=True)
    assert len(asked) == 1  # either layout is enough


# What lies beside.


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ("train-images-idx3-ubyte.gz", "but train-images-idx3-ubyte.gz: unpack it (gunzip train-images-idx3-ubyte.gz)"),
        ("train-images.idx3-ubyte", "but train-images.idx3-ubyte: rename it to train-images-idx3-ubyte"),
        ("train-images.idx3-ubyte.gz", "but train-images.idx3-ubyte.gz: unpack it"),
    ],
)
def test_a_file_that_is_still_packed_or_named_otherwise_is_told_of(tmp_path, beside, told):
    write_mnist(tmp_path)
    raw = tmp_path / "MNIST" / "raw"
    (raw / "train-images-idx3-ubyte").rename(raw / beside)
    with pytest.raises(DatasetNotFoundError) as caught:
        MNIST.require(tmp_path)
    line = str(caught.value)
    assert f"no MNIST/raw/train-images-idx3-ubyte, {told}" in line
    assert "\n" not in line


def test_a_packed_archive_is_told_of(tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").touch()
    with pytest.raises(DatasetNotFoundError, match=r"but cifar-10-python\.tar\.gz: unpack it there"):
        CIFAR10.require(tmp_path)


def test_other_files_of_class_folders_are_counted(tmp_path, capsys):
    write_cifar_folders(tmp_path)
    (tmp_path / "cifar10" / "train" / "cat" / "x.heic").touch()
    CIFAR10.load(tmp_path, train=True)
    told = "CIFAR-10 (train): 1 file left out whose ending is of no image that can be read (1 .heic)\n"
    assert capsys.readouterr().err == told
    CIFAR10.load(tmp_path, train=False)
    assert capsys.readouterr().err == ""
