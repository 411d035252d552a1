"""`fdd data` on caches and disks that fail: one line, exit code 2, nothing half-built left."""

import errno
import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.processes import Process


def test_no_data_root(cache, monkeypatch, tmp_path, refused):
    monkeypatch.setenv("FDD_DATA", str(tmp_path / "nowhere"))
    for action in ("prepare", "verify", "show"):
        line = refused("data", action, "cmnist_fg")
        assert str(tmp_path / "nowhere") in line
        assert "FDD_DATA" in line
    assert not cache.exists() or list(cache.iterdir()) == []


def test_a_root_given_by_argument_that_is_not_there(cache, refused):
    assert "root='nowhere'" in refused("data", "prepare", "cmnist_fg", "--root", "nowhere")


def edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def flip_byte(folder: Path) -> None:
    data = bytearray((folder / "train_images.npy").read_bytes())
    data[-1] ^= 1
    (folder / "train_images.npy").write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "told", "at_once"),
    [
        (lambda f: edit(f, parameters={"seed": 8}), "built with {'seed': 8}", True),
        (lambda f: edit(f, dataset="other"), "it holds other", True),
        (lambda f: (f / "test_groups.npy").unlink(), "test_groups.npy: it is missing", True),
        (lambda f: (f / "manifest.json").unlink(), "manifest.json is missing", True),
        (flip_byte, "train_images.npy: it is not the file that was built", True),
        (
            lambda f: edit(f, cells={"train": [[600, *[0] * 9], *[[0] * 10] * 9], "test": [[200]]}),
            "has no cells of test by classes and groups",
            True,
        ),
        (lambda f: edit(f, classes=["a"] * 10), "another classes", False),
        (lambda f: edit(f, conflict_ratio=0.5), "another conflict_ratio", False),
        (lambda f: edit(f, sha256="0" * 64), "contradict", True),
    ],
)
def test_a_cache_that_is_not_what_it_says(mnist, cache, fdd, refused, damage, told, at_once):
    fdd("data", "prepare", "cmnist_fg")
    (folder,) = cache.iterdir()
    damage(folder)
    for action in ("verify", "prepare", "show") if at_once else ("verify",):
        line = refused("data", action, "cmnist_fg")
        assert told in line
        assert str(folder) in line
        assert "delete" in line
    shutil.rmtree(folder)
    assert fdd("data", "prepare", "cmnist_fg").code == 0
    assert fdd("data", "verify", "cmnist_fg").code == 0


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_where_the_cache_should_be(workdir, monkeypatch, refused, place):
    Path("file").touch()
    monkeypatch.setenv("FDD_CACHE", str(Path.cwd() / place))
    for action in ("prepare", "verify", "show"):
        line = refused("data", action, "colored_digits")
        assert str(Path.cwd() / place) in line
        assert "FDD_CACHE" in line
    assert [path.name for path in Path.cwd().iterdir()] == ["file"]


def test_a_cache_that_cannot_be_written_to(mnist, monkeypatch, refused, fdd):
    fdd("data", "prepare", "cmnist_fg")
    monkeypatch.setattr(Path, "mkdir", _refuse)  # a read-only folder does not stop the superuser
    line = refused("data", "prepare", "cmnist_bg")
    assert "Read-only file system" in line
    assert "FDD_CACHE" in line
    assert "was built before" in fdd("data", "prepare", "cmnist_fg").out  # reading is enough for what is there


def _refuse(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
    if not self.is_dir():
        raise OSError(errno.EROFS, "Read-only file system", str(self))


@pytest.mark.parametrize("limit", [0, 5000, 1_000_000])
def test_a_full_disk(mnist, cache, monkeypatch, refused, fdd, limit):
    with monkeypatch.context() as patch:
        _fill_disk(patch, limit)
        line = refused("data", "prepare", "cmnist_fg")
    assert "No space left on device" in line
    assert str(cache) in line
    assert list(cache.iterdir()) == []
    assert fdd("data", "prepare", "cmnist_fg").code == 0


def _fill_disk(patch: pytest.MonkeyPatch, limit: int) -> None:
    """Let writes fail after so many bytes, as on a full disk."""
    real = Path.open

    def full(self, *args, **kwargs):
        stream = real(self, *args, **kwargs)
        if "own_cache" not in str(self) or args[:1] != ("wb",):
            return stream
        return _Full(stream, limit)

    patch.setattr(Path, "open", full)


class _Full:
    def __init__(self, stream, limit):
        self.stream, self.left = stream, limit

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stream.close()

    def write(self, data):
        self.left -= memoryview(data).nbytes
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.stream.write(data)


# Builds in processes of their own, which wait half-way while the file `wait` is there.


def begun(process: Process) -> None:
    deadline = time.monotonic() + 60
    while not Path("begun").exists():
        assert process.process.is_alive(), process.err
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing(slow, cache, fdd, tmp_path, number, code):
    Path("wait").touch()
    process = Process(["data", "prepare", slow, "colored_digits"], tmp_path / "log")
    begun(process)
    assert process.signal(number) == code
    assert process.err == "fdd: interrupted; nothing half-built is left; the same command again starts anew\n"
    assert process.out == ""
    assert list(cache.iterdir()) == []


def test_what_a_killed_build_left_is_not_used_and_cleaned_up(slow, cache, fdd, refused, tmp_path):
    Path("wait").touch()
    process = Process(["data", "prepare", slow], tmp_path / "log")
    begun(process)
    process.signal(signal.SIGKILL)
    left = set(cache.iterdir())
    assert left
    Path("wait").unlink()
    assert "not built" in refused("data", "verify", slow)
    assert "to build" in fdd("data", "list", slow).out
    assert fdd("data", "prepare", slow).code == 0
    assert fdd("data", "verify", slow).code == 0
    (built,) = cache.iterdir()
    assert built not in left


def test_two_at_once(slow, cache, fdd, tmp_path):
    Path("wait").touch()
    processes = [Process(["data", "prepare", slow], tmp_path / f"log{i}") for i in range(2)]
    begun(processes[0])
    time.sleep(0.5)
    Path("wait").unlink()
    assert [process.join() for process in processes] == [0, 0]
    assert [process.out.startswith("slow: ") for process in processes] == [True, True]
    assert [process.err for process in processes] == ["", ""]
    assert len(list(cache.iterdir())) == 1
    assert fdd("data", "verify", slow).code == 0
