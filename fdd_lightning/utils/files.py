"""Files and fingerprints: written whole or not at all, compared by SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from fdd_lightning.errors import CLOSED, FULL, ConfigError, FDDError, FileFormatError, WriteError, way_out
from fdd_lightning.utils.typed_json import parse_json

LARGEST_JSON = 1 << 28
"""Bytes of the largest JSON file that is read."""

PART = ".part-"
"""How the names of files begin that are being written; what a killed process left can be told by it."""


ELSEWHERE = "choose another folder"
IN_CACHE = "set FDD_CACHE to another folder"


@contextmanager
def writing(path: Path, instead: str = ELSEWHERE) -> Iterator[None]:
    """Say in one line why a file or folder cannot be written.

    Args:
        path: What is written.
        instead: The other way out.

    Raises:
        WriteError: The disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = _number(error, path)
        if isinstance(error, FDDError) or number is None:
            raise
        do = way_out(number, repr(str(path.parent)), instead)
        raise WriteError(f"cannot write {str(path)!r} ({os.strerror(number)}): {do}") from error


def _number(error: OSError | SafetensorError, path: Path) -> int | None:
    """Return the system's number of an error that came of writing a path; None of one that did not."""
    if isinstance(error, SafetensorError):
        found = re.search(r"os error (\d+)", str(error))
        return int(found[1]) if found else None
    if error.filename is None:
        return error.errno if error.errno in FULL | CLOSED else None
    here, there = path.absolute(), Path(str(error.filename)).absolute()
    return error.errno if there.is_relative_to(here.parent) or here.is_relative_to(there) else None


@contextmanager
def atomic_path(path: str | Path, instead: str = ELSEWHERE) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and move it there when the block ends without an error.

    The temporary file is removed on any error, Ctrl-C included, so a reader never sees half a file.

    Raises:
        WriteError: See :func:`writing`.
    """
    path = Path(path)
    with writing(path, instead):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{PART}{path.name}.", suffix=path.suffix)
        os.close(handle)
        with _moved(Path(name), path):
            yield Path(name)


@contextmanager
def _moved(temporary: Path, path: Path) -> Iterator[None]:
    """Move a file to its place after the block, or remove it."""
    try:
        yield
        umask = os.umask(0)
        os.umask(umask)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())  # or a machine that fails would leave an empty file in the old one's place
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; artefacts are shared like any other file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: str | Path, instead: str = ELSEWHERE) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` and move it there when the block ends without an error.

    Args:
        path: A folder that is not there yet, or is empty.
        instead: The other way out where it cannot be written.

    Raises:
        ConfigError: There is something in it.
        WriteError: See :func:`writing`.
    """
    path = Path(path)
    require_empty(path)
    with writing(path, instead):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f"{PART}{path.name}."))
        try:
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o777 & ~umask)  # mkdtemp makes private folders
            temporary.replace(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def require_empty(folder: Path, option: str = "") -> None:
    """Refuse a folder that holds something, which would be mixed with what is written, or lost.

    Args:
        folder: It need not exist.
        option: What named it, for the message.

    Raises:
        ConfigError: It does.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(
            f"{f'{option} {folder}'.strip()} holds something already: name a new folder, or empty this one"
        )


def remove_temporaries(folder: Path) -> None:
    """Remove files and folders that killed processes left half-written in a folder that nobody else writes to."""
    for pattern in (f"{PART}*", ".tmp??????"):  # the latter are safetensors' own
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically (NaN is refused: a missing figure is ``null``)."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        FileFormatError: The file is not JSON (cut short, for example), or beyond the limits of :func:`parse_json`.
    """
    if Path(path).stat().st_size > LARGEST_JSON:
        raise FileFormatError(f"{path} is larger than any file of its kind: delete it and run the same command again")
    try:
        return parse_json(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileFormatError(f"{path} is not valid JSON ({error}): delete it and run the same command again") from None


def sha256_file(path: str | Path) -> str:
    """Return a file's SHA-256 as hexadecimal text."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_path(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of a folder: of the names and bytes of the safetensors files below it."""
    if not Path(path).is_dir():
        return sha256_file(path)
    files = sorted(Path(path).rglob("*.safetensors"))
    return fingerprint([[file.name, _sha256_once(file, state_of(file))] for file in files])


State = tuple[int, int, int, int]
"""Size, times of the last change of content and of inode (ns), and inode: a file of the same state is the same."""


def state_of(path: str | Path) -> State:
    """Return what changes with a file's content."""
    status = os.stat(path)  # noqa: PTH116 (10x faster)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


@cache
def _sha256_once(path: Path, state: State) -> str:
    return sha256_file(path)  # folders of experts have many gigabytes, and a plan asks for them again and again


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
