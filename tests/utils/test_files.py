import hashlib
import os
import stat
import threading
import time

import pytest

from fdd_lightning.errors import FileFormatError
from fdd_lightning.utils.files import atomic_path, fingerprint, read_json, sha256_file, write_json
from fdd_lightning.utils.locks import locked


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    def fail():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_appears_whole_with_its_suffix(tmp_path):
    path = tmp_path / "deep" / "er" / "picture.png"
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".png"  # writers go by the suffix
        assert temporary.parent == path.parent  # a rename stays on one file system
        temporary.write_bytes(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_files_are_shared_as_the_umask_says(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_json(tmp_path / "x.json", {})
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == mode


def test_json_round_trip_and_refusals(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": [1, None, 0.1]})
    assert read_json(path) == {"a": [1, None, 0.1]}
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": [1, None, 0.1]}
    for content in (path.read_bytes()[:-3], b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match="not valid JSON") as caught:
            read_json(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_sha256_file(tmp_path):
    content = os.urandom(3_000_000)
    (tmp_path / "x").write_bytes(content)
    assert sha256_file(tmp_path / "x") == hashlib.sha256(content).hexdigest()


def test_fingerprint_ignores_order_and_sees_values():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})
    assert len(fingerprint(None)) == 64


def test_a_lock_is_held_by_one_at_a_time_and_leaves_nothing(tmp_path):
    inside, most = [], []

    def work() -> None:
        with locked(tmp_path / ".lock"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
    assert list(tmp_path.iterdir()) == []
