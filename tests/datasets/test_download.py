from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fdd_lightning.datasets import download
from fdd_lightning.datasets.download import Remote, fetch
from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.utils import progress
from tests.web import Site, served

CONTENT = bytes(range(256)) * 4000  # about 1 MB: several chunks
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def site():
    with served() as site:
        site.files["/a.bin"] = CONTENT
        yield site


def remote(site: Site | str, path: str = "/a.bin", **facts: Any) -> Remote:
    url = site if isinstance(site, str) else site.url
    known: dict[str, Any] = {"md5": MD5, "sha256": SHA256, "size": len(CONTENT)}
    return Remote(url + path, "a.bin", **(known | facts))


def one_line(caught: pytest.ExceptionInfo[FDDError]) -> str:
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    return line


def test_a_file_is_fetched_once(site, tmp_path):
    folder = tmp_path / "new" / "folder"
    path = fetch(remote(site), folder)
    assert path == folder / "a.bin"
    assert path.read_bytes() == CONTENT
    assert [p.name for p in folder.iterdir()] == ["a.bin"]
    assert fetch(remote(site), folder) == path
    assert site.asked == [("/a.bin", None)]


@pytest.mark.parametrize("facts", [{}, {"md5": None, "size": None}, {"sha256": None}])
def test_a_part_is_taken_up_again(site, tmp_path, facts):
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(remote(site, **facts), tmp_path).read_bytes() == CONTENT
    assert site.asked == [("/a.bin", "bytes=1000-")]
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_server_without_ranges_sends_it_anew(site, tmp_path):
    site.ranges = False
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT


def test_without_a_checksum_nothing_is_taken_up(site, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"x" * 1000)
    assert fetch(remote(site, md5=None, sha256=None), tmp_path).read_bytes() == CONTENT
    assert site.asked == [("/a.bin", None)]


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_part_that_is_whole_already(site, tmp_path, size):
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    assert fetch(remote(site, size=size), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_part_that_is_too_long_is_removed(site, tmp_path, size):
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"x")
    with pytest.raises(DatasetNotFoundError, match="not"):
        fetch(remote(site, size=size), tmp_path)
    assert fetch(remote(site, size=size), tmp_path).read_bytes() == CONTENT


def test_a_line_that_drops_is_taken_up_at_once(site, tmp_path):
    site.breaks = [300_000, 300_000]
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    assert site.asked == [("/a.bin", None), ("/a.bin", "bytes=300000-"), ("/a.bin", "bytes=600000-")]


def test_a_line_that_stays_dead_keeps_the_part(site, tmp_path):
    site.breaks = [300_000, 0]
    with pytest.raises(DatasetNotFoundError, match=r"broke off after 300,000 of 1,024,000 bytes") as caught:
        fetch(remote(site), tmp_path)
    assert "same command again" in one_line(caught)
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:300_000]
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    assert site.asked[-1] == ("/a.bin", "bytes=300000-")


def test_an_interrupt_keeps_the_part(site, tmp_path, monkeypatch):
    class Interrupted:
        def __init__(self, *_args: object) -> None:
            pass

        def __enter__(self):
            return self.show

        def __exit__(self, *_args: object) -> None:
            pass

        def show(self, done: int) -> None:
            if done > 500_000:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "count_bytes", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(remote(site), tmp_path)
    size = (tmp_path / "a.bin.part").stat().st_size
    assert 500_000 < size < len(CONTENT)
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin.part"]
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    assert site.asked[-1] == ("/a.bin", f"bytes={size}-")


@pytest.mark.parametrize(("kind", "size"), [("md5", None), ("sha256", None), ("size", len(CONTENT) + 1)])
def test_a_wrong_file_is_one_line_and_removed(site, tmp_path, kind, size):
    wrong: dict[str, Any] = {"md5": None, "sha256": None, "size": None}
    wrong[kind] = size or "0" * 32
    with pytest.raises(DatasetNotFoundError) as caught:
        fetch(remote(site, **wrong), tmp_path)
    line = one_line(caught)
    assert "a.bin" in line
    assert str(tmp_path) in line
    assert site.url.removeprefix("http://") in line
    if kind != "size":  # one that is too short may be taken up again
        assert list(tmp_path.iterdir()) == []


def test_mirrors_are_tried_in_turn(site, tmp_path):
    site.files["/wrong/a.bin"] = b"<html>log in</html>"
    mirrors = [remote(NOWHERE), remote(site, "/gone/a.bin"), remote(site, "/wrong/a.bin"), remote(site)]
    assert fetch(mirrors, tmp_path).read_bytes() == CONTENT


def test_a_mirror_goes_on_where_another_broke_off(site, tmp_path):
    site.breaks = [300_000, 0]
    site.files["/other/a.bin"] = CONTENT
    assert fetch([remote(site), remote(site, "/other/a.bin")], tmp_path).read_bytes() == CONTENT
    assert site.asked[-1] == ("/other/a.bin", "bytes=300000-")


def test_all_mirrors_failing_is_one_line(site, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="by hand") as caught:
        fetch([remote(NOWHERE), remote(site, "/gone")], tmp_path)
    line = one_line(caught)
    assert "127.0.0.1:9: " in line
    assert "HTTP 404 Not Found" in line


def test_another_file_of_that_name_is_left_alone(site, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"mine")
    with pytest.raises(FileFormatError, match="delete it") as caught:
        fetch(remote(site), tmp_path)
    one_line(caught)
    assert (tmp_path / "a.bin").read_bytes() == b"mine"
    assert site.asked == []


def test_a_folder_that_cannot_be_written_is_one_line(site, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FDDError, match="cannot write") as caught:
        fetch(remote(site), tmp_path / "file" / "folder")
    one_line(caught)


def test_a_full_disk_is_one_line_and_keeps_the_part(site, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() > 500_000:
                raise OSError(28, "No space left on device")
            return super().write(data)

    usual = Path.open

    def opened(path: Path, mode: str = "r", **options: Any) -> Any:
        return Full(path, mode) if path.name == "a.bin.part" and mode != "rb" else usual(path, mode, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(FDDError, match=r"No space left on device.*make room") as caught:
            fetch(remote(site), tmp_path)
    one_line(caught)
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin.part"]
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT


def test_two_at_once_fetch_once(site, tmp_path):
    threads = [threading.Thread(target=fetch, args=(remote(site), tmp_path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert len(site.asked) == 1


def test_progress_is_shown_on_a_terminal(site, tmp_path, monkeypatch):
    shown = io.StringIO()

    def console(**_options: object) -> Console:
        return Console(file=shown, force_terminal=True, width=120)

    with monkeypatch.context() as patch:
        patch.setattr(progress, "Console", console)
        fetch(remote(site), tmp_path / "a")
    assert "fetching a.bin" in shown.getvalue()
    assert "1.0 MB" in shown.getvalue()


def test_elsewhere_nothing_is_shown(site, tmp_path, capfd):
    fetch(remote(site), tmp_path)
    assert capfd.readouterr() == ("", "")
