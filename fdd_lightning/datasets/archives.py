"""Archives of source files: unpacked whole or not at all, never out of the folder."""

from __future__ import annotations

import gzip
import shutil
import stat
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.utils.files import locked
from fdd_lightning.utils.progress import count_bytes

CHUNK = 1 << 20
AGAIN = "delete it and fetch it again"
OFFICIAL = "fetch it from its official source"


def extract(archive: Path, folder: Path) -> None:
    """Unpack an archive (.tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .zip), or a single file (.gz), below a folder.

    Everything goes to a temporary folder first and is then renamed, so that nothing is left behind if that fails, and
    each entry of the archive's top level is there whole or not at all. An entry that is there already is left as it is.
    Of two processes that unpack into one folder at once, the second waits for the first.

    Args:
        archive: The archive; a ``NAME.gz`` that is no tar becomes the file ``NAME``.
        folder: Where its entries go; made if need be.

    Raises:
        FileFormatError: The archive is cut short or of another kind; or it holds absolute names, names with ``..``, or
            links, which could lead out of the folder and which no data set needs.
        FDDError: The folder cannot be written (full disk, no permission).
    """
    with writing(folder):
        home = folder if folder.is_dir() else folder.parent
        home.mkdir(parents=True, exist_ok=True)
        with locked(home, wait=True) as alone:
            if alone:  # so whatever lies here was left by a process that was killed
                for stale in home.glob(f".{archive.name}.*.unpacking"):
                    shutil.rmtree(stale, ignore_errors=True)
            temporary = home / f".{archive.name}.{uuid.uuid4().hex}.unpacking"
            temporary.mkdir()
            try:
                _unpack(archive, temporary, lambda top: not (folder / top).exists())
                if folder.is_dir():
                    for entry in sorted(temporary.iterdir()):
                        entry.rename(folder / entry.name)
                else:
                    temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)


def _unpack(archive: Path, into: Path, wanted: Callable[[str], bool]) -> None:
    """Write the files of an archive whose top-level name is wanted."""
    members = next((reader for ending, reader in _READERS.items() if archive.name.lower().endswith(ending)), None)
    if members is None:
        raise _unusable(archive, f"it ends in none of {', '.join(_READERS)}", "unpack it by hand")
    try:
        stream = archive.open("rb")
    except FileNotFoundError:
        raise DatasetNotFoundError(f"archive {str(archive)!r} does not exist: fetch it again") from None
    empty, size = True, archive.stat().st_size
    with stream, count_bytes(f"unpacking {archive.name}", size) as show:
        entries = members(stream, archive) if size else iter(())
        while True:
            with _reading(archive):
                entry = next(entries, None)
            if entry is None:
                break
            name, source = entry
            path = _relative(archive, name)
            empty = empty and not path.parts
            if path.parts and wanted(path.parts[0]):
                if source is None:
                    (into / path).mkdir(parents=True, exist_ok=True)
                else:
                    (into / path).parent.mkdir(parents=True, exist_ok=True)
                    _copy(archive, source, into / path)
            show(stream.tell())
    if empty:
        raise _unusable(archive, "it is empty", AGAIN)


def _copy(archive: Path, source: IO[bytes], path: Path) -> None:
    with path.open("wb") as target:
        while True:
            with _reading(archive):
                chunk = source.read(CHUNK)
            if not chunk:
                break
            target.write(chunk)


def _relative(archive: Path, name: str) -> PurePosixPath:
    """Return a member's name as a path that stays below the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
        raise _unusable(archive, f"its entry {name!r} leads out of the folder", OFFICIAL)
    return path


def _tar_members(stream: IO[bytes], archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with tarfile.open(fileobj=stream) as tar:
        for member in tar:
            if not member.isfile() and not member.isdir():
                raise _unusable(archive, f"its entry {member.name!r} is a link", OFFICIAL)
            yield member.name, tar.extractfile(member)
        if tar.fileobj is not None:
            # A tar cut between two members reads like a whole one, but no block of zeros was read at its end.
            if tar.fileobj.tell() < tar.offset + tarfile.BLOCKSIZE:
                raise EOFError
            while tar.fileobj.read(CHUNK):  # to the checksum at the end of a compressed one
                pass


def _zip_members(stream: IO[bytes], archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with zipfile.ZipFile(stream) as packed:
        for member in packed.infolist():
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _unusable(archive, f"its entry {member.filename!r} is a link", OFFICIAL)
            if member.is_dir():
                yield member.filename, None
            else:
                with packed.open(member) as source:
                    yield member.filename, source


def _gzip_member(stream: IO[bytes], archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with gzip.open(stream) as source:
        yield archive.stem, cast(IO[bytes], source)


_READERS = {
    **dict.fromkeys((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"), _tar_members),
    ".zip": _zip_members,
    ".gz": _gzip_member,
}
"""How to read an archive, by the end of its name; the first that fits."""


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turn whatever the readers of archives raise into one line."""
    try:
        yield
    except FDDError:
        raise
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, OSError, EOFError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault; that of the archive has no number
        encrypted = isinstance(error, RuntimeError) and "password" in str(error)
        reason = "it needs a password" if encrypted else "it is cut short, or no such archive"
        raise _unusable(archive, reason, AGAIN) from None


def _unusable(archive: Path, reason: str, way_out: str) -> FileFormatError:
    return FileFormatError(f"archive {str(archive)!r} cannot be unpacked ({reason}): {way_out}")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn failures of the disk into one line.

    Raises:
        FDDError: The folder cannot be written (full disk, no permission).
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, FDDError):
            raise
        raise FDDError(
            f"cannot write to {str(folder)!r} ({error.strerror or error}): make room there, or take another folder"
        ) from None
