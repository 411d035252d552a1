"""Somebody's file or folder, read as far as its bytes say what it is; nothing in it is executed."""

from __future__ import annotations

import re
import warnings
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fdd_lightning.artefacts.file_kind import METADATA_KEY
from fdd_lightning.datasets.image_files import listing
from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.utils.files import sha256_file
from fdd_lightning.utils.memory import physical_memory

AGAIN = "fetch it again, or save it again"
ALONE = "save images and labels alone, by torch.save([images, labels], FILE)"
KINDS = "biufc"
"""Kinds of numpy's plain numbers."""


def _text(value: str, encoding: str) -> bytes:
    """Return the bytes that pickle writes as text, instead of whatever codec a file names."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(encoding)
    return value.encode("latin-1")


def _scalar(kind: np.dtype[Any], value: bytes = b"") -> Any:
    """Return a number of numpy's, as accuracies are saved, as a plain one."""
    if kind.kind not in KINDS or len(value) != kind.itemsize:
        raise ValueError(str(kind))
    return np.frombuffer(value, kind)[0].item()


NUMBERS: list[Any] = [
    (_text, "_codecs.encode"),
    *((_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    np.dtype,
    *{type(np.dtype(code)) for code in "?bBhHiIlLqQefd"},
]
"""What is taken beside tensors and plain containers: single numbers of numpy's, which the reference scripts save."""


class Source:
    """A file or folder, and what is read of it.

    Args:
        path: The file or folder.

    Attributes:
        path: The file or folder.
        files: Every file that was read, in turn.

    Raises:
        DatasetNotFoundError: There is none.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not str(path).strip() or not self.path.exists():
            raise DatasetNotFoundError(f"{str(path)!r} does not exist: name the file or folder of a set")
        self.files: list[Path] = []

    @cached_property
    def content(self) -> Any:
        """What the file holds: tensors, arrays and plain containers; None of a folder, or where the bytes say nothing.

        Raises:
            FileFormatError: It is cut short or damaged, or holds something that only code could rebuild.
        """
        return None if self.path.is_dir() else self.read(self.path)

    def read(self, path: Path) -> Any:
        """Return what a file holds, the source itself or one beside it; see :attr:`content`."""
        self.files.append(path)
        with path.open("rb") as stream:
            head = stream.read(9)
        if not head:
            raise FileFormatError(f"{path} is empty: {AGAIN}")
        try:
            if head[8:] == b"{":
                return _safetensors(path)
            if head.startswith(b"\x93NUMPY"):
                return torch.from_numpy(np.load(path, allow_pickle=False))
            if head.startswith(b"PK"):
                with zipfile.ZipFile(path) as archive:
                    entries = archive.infolist()
                if any(entry.filename.endswith(".npy") for entry in entries):
                    return _arrays(path, entries)
                if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                    raise FileFormatError(f"{path} is a packed archive, of no format that is read: unpack it")
                return _tensors(path)
            return _tensors(path) if head.startswith(b"\x80") else None
        except FDDError:
            raise
        except Exception as error:  # changed bytes fail anywhere in the readers, by any error
            reason = " ".join(str(error).split())
            if found := re.search(r"Unsupported (?:global|class|type|operand)[^A-Z]*(?:GLOBAL )?([\w.]+)", reason):
                raise FileFormatError(
                    f"{path} holds {found[1][:80]}, which only the code that wrote it could rebuild, and no code of a "
                    f"file is run: {ALONE}"
                ) from None
            raise FileFormatError(f"{path} is cut short, damaged, or a pickle of no tensors: {AGAIN}") from None

    def provenance(self) -> list[dict[str, str]]:
        """Return name and SHA-256 of every file that was read; of a folder one of all its images."""
        if self.path.is_dir() and len(self.files) > 2:
            return [{"name": self.path.resolve().name, "sha256": listing(self.path, self.files)}]
        return [{"name": file.name, "sha256": sha256_file(file)} for file in self.files]


def _tensors(path: Path) -> Any:
    """Return what ``torch.save`` wrote, by torch's reader of weights only."""
    with warnings.catch_warnings(), torch.serialization.safe_globals(NUMBERS):
        warnings.simplefilter("ignore")  # of old kinds of storage
        return torch.load(path, map_location="cpu", weights_only=True)


def _arrays(path: Path, entries: list[zipfile.ZipInfo]) -> dict[str, Tensor]:
    """Return the arrays of an npz as tensors; those that torch has no kind for are left out."""
    if sum(entry.file_size for entry in entries) > physical_memory() // 4:
        raise FileFormatError(f"{path} unpacks to more than a quarter of this machine's memory: no set is that large")
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return {name: torch.from_numpy(array) for name, array in arrays.items() if array.dtype.kind in "biuf"}


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as handle:
            if METADATA_KEY in (handle.metadata() or {}):
                raise FileFormatError(f"{path} is a file of fdd's own: fdd eval --synthetic takes sets as they are")
            return {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError):
        raise FileFormatError(f"{path} is a safetensors file that is cut short or damaged: {AGAIN}") from None
