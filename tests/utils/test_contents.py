"""Hashes of contents: remembered, and never out of date."""

import hashlib
import os
from pathlib import Path

import pytest

from fdd_lightning.utils import contents
from fdd_lightning.utils.contents import content_hashes
from fdd_lightning.utils.files import sha256_file


@pytest.fixture
def read(monkeypatch, tmp_path):
    """What is read of the files a, b and c, which are long there."""
    monkeypatch.setenv("FDD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(contents, "SETTLED", -1)
    seen = []

    def noted(path):
        seen.append(Path(path).name)
        return sha256_file(path)

    monkeypatch.setattr(contents, "sha256_file", noted)
    return seen


@pytest.fixture
def files(tmp_path):
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / name for name in "abc"]
    for path in paths:
        path.write_text(path.name)
    return paths


def anew():
    """As in a new process."""
    contents._known.clear()
    contents._opened.clear()


def expected(files):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


def test_what_does_not_change_is_read_once(files, read):
    assert content_hashes(files) == expected(files)
    assert read == ["a", "b", "c"]
    for _ in range(2):
        assert content_hashes(files) == expected(files)
        anew()
    assert content_hashes(files[1:]) == expected(files[1:])
    assert read == ["a", "b", "c"]


@pytest.mark.parametrize("how", ["written", "replaced", "with the times of before"])
def test_what_changes_is_read_again(files, read, how):
    content_hashes(files)
    anew()
    before = files[1].stat()
    if how == "replaced":
        files[1].with_name("new").write_text("x")
        files[1].with_name("new").replace(files[1])
    else:
        files[1].write_text("x")
    if how == "with the times of before":
        os.utime(files[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert content_hashes(files) == expected(files)
    assert read == ["a", "b", "c", "b"]


def test_just_written_files_are_not_remembered(files, read, monkeypatch):
    monkeypatch.setattr(contents, "SETTLED", 10**12)
    for _ in range(2):
        assert content_hashes(files) == expected(files)
    assert read == ["a", "b", "c"] * 2


@pytest.mark.parametrize(
    "text", ["", "null", "[", "[1, 2]", '["x", {}]', '["x", {"a": [1, 2, 3, 4, "5"]}]', "[" * 5000]
)
def test_a_damaged_memory_is_no_harm(files, read, tmp_path, text):
    content_hashes(files)
    (memory,) = (tmp_path / "cache" / "contents").iterdir()
    memory.write_text(text)
    anew()
    assert content_hashes(files) == expected(files)
    assert read == ["a", "b", "c"] * 2


def test_what_has_gone_is_forgotten(files, read, tmp_path):
    content_hashes(files)
    files[0].unlink()
    files[1].write_text("x")
    assert content_hashes(files) == [None, *expected(files[1:])]
    (memory,) = (tmp_path / "cache" / "contents").iterdir()
    assert sorted(contents._read(memory, str(tmp_path / "in"))) == [str(path) for path in files[1:]]


def test_a_cache_that_cannot_be_had_is_no_harm(files, read, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FDD_CACHE", str(tmp_path / "file"))
    assert content_hashes(files) == expected(files)
    assert content_hashes([]) == []
