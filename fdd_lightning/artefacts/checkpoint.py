"""Checkpoints as files: written whole, with a hash of their own, and read without executing anything."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any, TypedDict

import torch

from fdd_lightning.errors import FileFormatError
from fdd_lightning.utils.files import atomic_path
from fdd_lightning.utils.typed_json import misfits

SEAL = b"fdd-sha256:"
"""Begins the comment of the zip archive that torch makes: the hash of all before it."""

LENGTH = 2
"""Bytes before the comment that say how long it is; the archive's last ones where there is none."""


def write_checkpoint(path: str | Path, content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all, with its hash."""
    stream = io.BytesIO()  # not the file itself: there torch says of a full disk no more than that it went wrong
    torch.save(content, stream)
    archive = stream.getbuffer()[:-LENGTH]
    comment = SEAL + hashlib.sha256(archive).hexdigest().encode()
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(archive)
        file.write(len(comment).to_bytes(LENGTH, "little") + comment)


class Checkpoint(TypedDict):
    """What every checkpoint holds, among more.

    Example:
        >>> sorted(Checkpoint.__required_keys__)
        ['global_step', 'hyper_parameters']
    """

    global_step: int
    hyper_parameters: dict[str, Any]


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of a stage; nothing in it is executed.

    Raises:
        FileFormatError: There is none, or it is something else, or cut short, or its bytes have changed.
    """
    if not Path(path).is_file():
        raise FileFormatError(
            f"checkpoint {str(path)!r} does not exist: check the path, or leave it out (the same command resumes by "
            "itself)"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True) if _intact(Path(path)) else None
    except Exception:  # changed bytes fail anywhere in the reader, by any error
        content = None
    if not isinstance(content, dict) or any(misfits(content, Checkpoint, "")):
        raise FileFormatError(f"{path} is no checkpoint of a stage, or damaged: name another one, or delete it")
    return content


def _intact(path: Path) -> bool:
    """Tell whether a file's bytes are those that were written; those of older releases say no hash.

    As torch writes it nothing is packed: what is could be larger than all memory.
    """
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            return False
    end = len(SEAL) + 2 * hashlib.sha256().digest_size
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END) - end - LENGTH
        if size < 0:
            return False
        file.seek(size + LENGTH)
        comment = file.read()
        if not comment.startswith(SEAL):
            return True
        file.seek(0)
        found = hashlib.sha256()
        while size and (piece := file.read(min(size, 1 << 20))):
            found.update(piece)
            size -= len(piece)
    return comment == SEAL + found.hexdigest().encode()
