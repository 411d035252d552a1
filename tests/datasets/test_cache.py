from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fdd_lightning.datasets import Split, cache
from fdd_lightning.errors import ConfigError, FDDError, FileFormatError

PARAMETERS = {"construction": 1, "conflict_ratio": 0.25, "seed": 7}


def splits(images: object = None) -> dict[str, Split]:
    targets, groups = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2, 1, 1])
    pixels = torch.arange(4 * 3 * 2 * 2, dtype=torch.uint8).view(4, 3, 2, 2)
    return {
        "train": Split(pixels if images is None else images, targets, groups),  # type: ignore[arg-type]
        "test": Split(pixels[:2], targets[1:3], groups[1:3]),
    }


def write(folder: Path, content: dict[str, Split] | None = None, **changes: Any) -> Path:
    facts: dict[str, Any] = {
        "dataset": "toy",
        "parameters": PARAMETERS,
        "class_names": ("a", "b"),
        "group_names": ("x", "y", "z"),
        "image_shape": (3, 2, 2),
        "aligned": torch.eye(2, 3, dtype=torch.bool),
    }
    cache.write(folder, content or splits(), **(facts | changes))
    return folder


def test_round_trip_and_manifest(tmp_path):
    folder = write(tmp_path / "toy")
    manifest, read = cache.read(folder, "toy", PARAMETERS)
    for name, split in splits().items():
        assert torch.equal(read[name].images, split.images)  # type: ignore[arg-type]
        assert torch.equal(read[name].targets, split.targets)
        assert torch.equal(read[name].groups, split.groups)
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert manifest["dataset"] == "toy"
    assert manifest["parameters"] == PARAMETERS
    assert manifest["seed"] == 7
    assert (manifest["classes"], manifest["groups"]) == (["a", "b"], ["x", "y", "z"])
    assert manifest["cells"] == {"train": [[1, 0, 1], [0, 2, 0]], "test": [[0, 0, 1], [0, 1, 0]]}
    assert manifest["conflict_ratio"] == 0.25
    assert cache.verify(folder, "toy", PARAMETERS) == manifest


def test_hashes_are_those_of_sha256sum(tmp_path):
    folder = write(tmp_path / "toy")
    manifest = cache.read_manifest(folder)
    lines = ""
    for path in sorted(folder.glob("*.npy")):
        value = hashlib.sha256(path.read_bytes()).hexdigest()
        assert manifest["files"][path.name] == value
        lines += f"{value}  {path.name}\n"
    assert manifest["sha256"] == hashlib.sha256(lines.encode()).hexdigest()


def test_files_are_those_that_numpy_writes(tmp_path):
    folder = write(tmp_path / "toy")
    np.save(tmp_path / "images.npy", splits()["train"].images.numpy())  # type: ignore[union-attr]
    assert (folder / "train_images.npy").read_bytes() == (tmp_path / "images.npy").read_bytes()


def test_no_aligned_cells_no_conflict_ratio(tmp_path):
    assert cache.read_manifest(write(tmp_path / "toy", aligned=None))["conflict_ratio"] is None


def test_what_was_left_out_is_counted_over_the_splits(tmp_path):
    assert "left_out" not in cache.read_manifest(write(tmp_path / "plain"))
    content = {
        name: Split(split.images, split.targets, split.groups, {"too dark": 2, f"only in {name}": 1, "torn": 0})
        for name, split in splits().items()
    }
    manifest = cache.read_manifest(write(tmp_path / "toy", content))
    assert manifest["left_out"] == {"too dark": 4, "only in train": 1, "only in test": 1}


def test_images_in_chunks_give_the_same_files(tmp_path):
    whole = splits()["train"].images
    assert isinstance(whole, Tensor)
    one = cache.read_manifest(write(tmp_path / "one"))
    two = cache.read_manifest(write(tmp_path / "two", splits(part for part in (whole[:3], whole[3:]))))
    assert one["files"] == two["files"]


def test_images_are_memory_mapped_and_the_file_is_safe(tmp_path):
    folder = write(tmp_path / "toy")
    images = cache.read(folder, "toy", PARAMETERS)[1]["train"].images
    assert isinstance(images, Tensor)
    assert isinstance(np.load(folder / "train_images.npy", mmap_mode="c"), np.memmap)
    images[:] = 0
    cache.verify(folder, "toy", PARAMETERS)


def test_a_second_build_leaves_the_first_as_it_is(tmp_path):
    folder = write(tmp_path / "toy")
    before = (folder / "manifest.json").stat().st_mtime_ns
    write(folder)
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def _build(folder: Path, barrier: Any) -> None:
    barrier.wait()
    write(folder)


def test_two_processes_at_once_do_no_harm(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_build, args=(tmp_path / "toy", barrier)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    cache.verify(tmp_path / "toy", "toy", PARAMETERS)
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def _hang(folder: Path, seconds: float) -> None:
    def chunks() -> Any:
        yield torch.zeros(3, 3, 2, 2, dtype=torch.uint8)
        time.sleep(seconds)
        yield torch.zeros(1, 3, 2, 2, dtype=torch.uint8)

    write(folder, splits(chunks()))


def _half_built(folder: Path, seconds: float) -> multiprocessing.Process:
    """A process that waits in the middle of its build."""
    worker = multiprocessing.get_context("fork").Process(target=_hang, args=(folder, seconds))
    worker.start()
    while not list(folder.parent.glob(f".{folder.name}*/train_images.npy")):
        time.sleep(0.01)
    return worker  # type: ignore[return-value]


def test_what_a_killed_build_left_is_removed(tmp_path):
    worker = _half_built(tmp_path / "toy", 60)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert not (tmp_path / "toy").exists()
    write(tmp_path / "toy")
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_who_comes_second_waits_for_the_first(tmp_path):
    worker = _half_built(tmp_path / "toy", 0.3)
    write(tmp_path / "toy")
    worker.join()
    assert worker.exitcode == 0
    images = cache.read(tmp_path / "toy", "toy", PARAMETERS)[1]["train"].images
    assert isinstance(images, Tensor)
    assert not images.any()  # the first one's
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


@pytest.mark.parametrize(
    "content",
    [
        {"train": Split(torch.zeros(2, 3, 2, 2, dtype=torch.uint8), torch.tensor([0, 2]), torch.tensor([0, 0]))},
        {"train": Split(torch.zeros(2, 3, 2, 2, dtype=torch.uint8), torch.tensor([0, 1]), torch.tensor([-1, 0]))},
        {"train": Split(torch.zeros(2, 3, 2, 2, dtype=torch.uint8), torch.tensor([0, 1]), torch.tensor([0]))},
        {"train": Split(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), torch.tensor([0, 1]), torch.tensor([0, 0]))},
        {"train": Split(torch.zeros(2, 3, 4, 2, dtype=torch.uint8), torch.tensor([0, 1]), torch.tensor([0, 0]))},
        {"train": Split(torch.zeros(2, 3, 2, 2), torch.tensor([0, 1]), torch.tensor([0, 0]))},
        {"train": Split(torch.zeros(0, 3, 2, 2, dtype=torch.uint8), *torch.zeros(2, 0, dtype=torch.int64))},
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_left(tmp_path, content):
    with pytest.raises(ConfigError, match="train"):
        write(tmp_path / "toy", content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_build_leaves_nothing(tmp_path, error):
    def chunks() -> Any:
        yield torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
        raise error

    with pytest.raises((FDDError, KeyboardInterrupt)) as caught:
        write(tmp_path / "toy", splits(chunks()))
    assert list(tmp_path.iterdir()) == []
    if isinstance(error, OSError):
        assert "No space left" in str(caught.value)
        assert "FDD_CACHE" in str(caught.value)


def test_a_file_in_the_way_is_one_line(tmp_path):
    (tmp_path / "cache").touch()
    with pytest.raises(FDDError, match="FDD_CACHE"):
        write(tmp_path / "cache" / "toy")


def _cut_images(folder: Path) -> None:
    data = (folder / "train_images.npy").read_bytes()
    (folder / "train_images.npy").write_bytes(data[:-1])


def _flip_byte(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (_cut_images, "train_images.npy"),
        (lambda f: (f / "train_images.npy").write_bytes(b""), "train_images.npy"),
        (lambda f: (f / "test_groups.npy").unlink(), "missing"),
        (lambda f: (f / "test_groups.npy").write_bytes((f / "train_groups.npy").read_bytes()), "test"),
        (lambda f: (f / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda f: (f / "manifest.json").write_text("{}"), "without 'cells'"),
        (lambda f: (f / "manifest.json").write_text('{"dataset":'), "not valid JSON"),
        (lambda f: _edit(f, dataset="other"), "other"),
        (lambda f: _flip_byte(f / "train_images.npy"), "train_images.npy: it is not the file that was built"),
        (lambda f: _flip_byte(f / "train_targets.npy", -8), "train_targets.npy: it is not the file that was built"),
        (lambda f: _flip_byte(f / "test_groups.npy", -8), "test_groups.npy: it is not the file that was built"),
        (lambda f: _edit(f, sha256="0" * 64), "contradict"),
        (lambda f: _edit(f, files={}), "contradict"),
        (lambda f: _edit(f, cells={"train": [[2, 0, 0], [0, 2, 0]], "test": [[0, 0, 1], [0, 1, 0]]}), "cell counts"),
        (lambda f: _edit(f, groups=["x"]), "no cells of train by classes and groups"),
        (lambda f: _edit(f, parameters={"seed": 8}), "seed"),
    ],
)
def test_a_damaged_or_foreign_cache_is_one_line(tmp_path, damage, word):
    folder = write(tmp_path / "toy")
    damage(folder)
    with pytest.raises(FileFormatError) as caught:
        cache.read(folder, "toy", PARAMETERS)
    line = str(caught.value)
    assert word in line
    assert str(folder) in line
    assert "delete" in line
    assert "\n" not in line


def test_verify_finds_what_reading_does_not(tmp_path):
    many = Split(torch.randint(256, (64, 3, 2, 2), dtype=torch.uint8), torch.arange(64) % 2, torch.arange(64) % 3)
    folder = write(tmp_path / "toy", {"train": many, "test": many})
    cache.verify(folder, "toy", PARAMETERS)
    _flip_byte(folder / "train_images.npy", -13)  # of the last image but one
    cache.read(folder, "toy", PARAMETERS)
    with pytest.raises(FileFormatError, match="delete the folder"):
        cache.verify(folder, "toy", PARAMETERS)


def test_a_set_that_an_older_release_built_is_read(tmp_path):
    folder = write(tmp_path / "toy")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["spots"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert cache.verify(folder, "toy", PARAMETERS) == manifest


def test_the_hash_can_be_checked_without_us(tmp_path):
    folder = write(tmp_path / "toy")
    printed = subprocess.run("LC_ALL=C sha256sum *.npy", shell=True, cwd=folder, capture_output=True, check=True).stdout
    assert hashlib.sha256(printed).hexdigest() == cache.read_manifest(folder)["sha256"]
