"""Which images are the same: what a drawn split must not part, or a network would be tested on what it has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.utils.contents import content_hashes


def equal_files(files: Sequence[Path]) -> Tensor:
    """Number files by their bytes: equal numbers, equal files.

    Returns:
        int64, (N,): the place of the first file that is equal; so without copies 0, 1, 2, ... A file that cannot be
        read equals none.
    """
    first: dict[str, int] = {}
    hashes = enumerate(content_hashes(files))
    return torch.tensor([i if value is None else first.setdefault(value, i) for i, value in hashes], dtype=torch.int64)


def equal_images(images: Iterable[Tensor]) -> Tensor:
    """Number images by their bytes, as :func:`equal_files` does."""
    seen: dict[bytes, int] = {}
    hashes = (hashlib.blake2b(image.contiguous().numpy().data, digest_size=16).digest() for image in images)
    return torch.tensor([seen.setdefault(value, place) for place, value in enumerate(hashes)], dtype=torch.int64)
