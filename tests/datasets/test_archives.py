from __future__ import annotations

import gzip
import io
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from fdd_lightning.datasets import archives
from fdd_lightning.datasets.archives import extract
from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError

FILES = {"set/a/1.txt": b"one" * 50_000, "set/a/2.txt": b"two", "set/b/3.txt": b"", "list.csv": b"x,y\n"}
ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")


def pack(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in files.items():
                packed.writestr(name, content)
        return path
    mode = {".tar": "w", ".tgz": "w:gz"}.get(path.suffix, f"w:{path.suffix[1:]}")
    with tarfile.open(str(path), mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(archive: Path, folder: Path) -> str:
    """Unpack in vain, and return the line."""
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(FileFormatError) as caught:
        extract(archive, folder)
    assert sorted(archive.parent.rglob("*")) == before  # nothing is left
    line = str(caught.value)
    assert "\n" not in line
    assert str(archive) in line
    return line


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("there", [True, False])
def test_every_kind_is_unpacked(tmp_path, ending, there):
    archive = pack(tmp_path / f"a{ending}", FILES)
    folder = tmp_path / "out"
    if there:
        folder.mkdir()
        (folder / "mine.txt").write_bytes(b"mine")
    extract(archive, folder)
    assert tree(folder) == FILES | ({"mine.txt": b"mine"} if there else {})
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([archive.name, "out"])
    assert not list(folder.glob(".*"))


def test_a_single_file_loses_its_ending(tmp_path):
    archive = tmp_path / "train-images.gz"
    archive.write_bytes(gzip.compress(b"content"))
    extract(archive, tmp_path)
    assert (tmp_path / "train-images").read_bytes() == b"content"


def test_folders_of_their_own_and_the_current_one_are_fine(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in (".", "./set", "./set/empty"):
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
    extract(tmp_path / "a.tar", tmp_path / "out")
    assert (tmp_path / "out" / "set" / "empty").is_dir()


def test_what_is_there_is_left_as_it_is(tmp_path):
    archive = pack(tmp_path / "a.zip", FILES)
    folder = tmp_path / "out"
    (folder / "set").mkdir(parents=True)
    extract(archive, folder)
    assert tree(folder) == {"list.csv": b"x,y\n"}


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".zip"])
@pytest.mark.parametrize(
    "name", ["../evil", "set/../../evil", "/evil", "set/..", "..\\evil", "C:\\evil", "C:evil", "C:/evil"]
)
def test_names_that_leave_the_folder_are_refused(tmp_path, ending, name):
    archive = pack(tmp_path / f"a{ending}", {"set/good": b"", name: b"evil"})
    line = refused(archive, tmp_path / "out")
    assert "leads out of the folder" in line


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("set/link")
        member.type, member.linkname = kind, "../../etc/passwd"
        tar.addfile(member)
    assert "set/link" in refused(tmp_path / "a.tar", tmp_path / "out")


def test_links_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        member = zipfile.ZipInfo("set/link")
        member.external_attr = 0o120777 << 16
        packed.writestr(member, "../../etc/passwd")
    assert "link" in refused(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.95])
def test_a_cut_archive_is_one_line_and_leaves_nothing(tmp_path, ending, share):
    archive = pack(tmp_path / f"a{ending}", FILES)
    content = archive.read_bytes()
    if ending == ".tar":
        content = content[: 512 * 300]  # less the zeros at the end
    archive.write_bytes(content[: int(share * len(content))])
    line = refused(archive, tmp_path / "out")
    assert "cut short" in line or "empty" in line
    assert "fetch it again" in line


def test_a_tar_cut_between_two_files_is_noticed(tmp_path):
    archive = pack(tmp_path / "a.tar", {"set/1": b"x" * 512, "set/2": b"y" * 512})
    archive.write_bytes(archive.read_bytes()[:1024])  # the first header and its block
    assert "cut short" in refused(archive, tmp_path / "out")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_single_file_is_one_line(tmp_path, share):
    content = gzip.compress(bytes(range(256)) * 10)
    (tmp_path / "a.gz").write_bytes(content[: int(share * len(content))])
    line = refused(tmp_path / "a.gz", tmp_path)
    assert "cut short" in line or "empty" in line


@pytest.mark.parametrize("ending", [*ENDINGS, ".gz"])
def test_a_page_instead_of_an_archive_is_one_line(tmp_path, ending):
    (tmp_path / f"a{ending}").write_bytes(b"<html>please log in</html>" * 100)
    refused(tmp_path / f"a{ending}", tmp_path / "out")


@pytest.mark.parametrize("ending", [".tar", ".zip"])
def test_an_empty_archive_is_refused(tmp_path, ending):
    assert "empty" in refused(pack(tmp_path / f"a{ending}", {}), tmp_path / "out")


def test_a_damaged_file_in_a_zip_is_noticed(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("set/1", b"content that is checked")
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"content", b"CONTENT"))
    refused(tmp_path / "a.zip", tmp_path / "out")


def test_other_endings_are_refused(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    assert "unpack it by hand" in refused(tmp_path / "a.rar", tmp_path / "out")


def test_a_missing_archive_is_one_line(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"a\.zip.*does not exist"):
        extract(tmp_path / "a.zip", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    archive = pack(tmp_path / "a.zip", FILES)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FDDError, match="cannot write"):
        extract(archive, tmp_path / "file" / "out")


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    archive = pack(tmp_path / "a.zip", FILES)

    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(archives, "_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(archive, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    archive = pack(tmp_path / "a.zip", FILES)
    (tmp_path / ".a.zip.123.unpacking").mkdir()
    extract(archive, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "out"]


def test_two_at_once_do_no_harm(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", FILES)
    (tmp_path / "out").mkdir()
    failed = []

    def unpack() -> None:
        try:
            extract(archive, tmp_path / "out")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=unpack) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert tree(tmp_path / "out") == FILES
