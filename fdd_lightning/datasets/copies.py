"""Which images are the same: what a drawn split must not part, or a network would be tested on what it has seen."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

TAIL = 4096
"""Bytes at the end of files of equal size that are compared first: there compressed images differ."""


def equal_files(files: Sequence[Path]) -> Tensor:
    """Number files by their bytes: equal numbers, equal files.

    Only files of equal size are read, and whole only those whose ends are equal too.

    Returns:
        int64, (N,): the place of the first file that is equal; so without copies 0, 1, 2, ...
    """
    states = [(path, *_state(path)) for path in files]
    numbers = _parted([range(len(files))], lambda place: states[place][1])
    numbers = _parted(numbers, lambda place: _tail(*states[place]))
    numbers = _parted(numbers, lambda place: _whole(*states[place]))
    first = torch.arange(len(files))
    for same in numbers:
        first[torch.tensor(same)] = same[0]
    return first


def equal_images(images: Iterable[Tensor]) -> Tensor:
    """Number images by their bytes, as :func:`equal_files` does."""
    seen: dict[bytes, int] = {}
    hashes = (hashlib.blake2b(image.contiguous().numpy().data, digest_size=16).digest() for image in images)
    return torch.tensor([seen.setdefault(value, place) for place, value in enumerate(hashes)], dtype=torch.int64)


def _parted(groups: Iterable[Sequence[int]], key: Callable[[int], Hashable]) -> list[list[int]]:
    """Part groups of places by a key, and keep those of more than one."""
    parts: list[list[int]] = []
    for group in groups:
        by: dict[Hashable, list[int]] = defaultdict(list)
        for place in group:
            by[key(place)].append(place)
        parts += [same for same in by.values() if len(same) > 1]
    return parts


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # a link to nowhere is told when images are read
        return -1, 0
    return status.st_size, status.st_mtime_ns


@cache  # each data module of a run asks anew
def _tail(path: Path, size: int, changed: int) -> bytes:
    return _hash(path, max(0, size - TAIL))


@cache
def _whole(path: Path, size: int, changed: int) -> bytes:
    return _hash(path, 0)


def _hash(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return str(path).encode()  # equal to none
