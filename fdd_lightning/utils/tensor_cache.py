"""Tensors that are computed once and kept in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fdd_lightning.utils.files import IN_CACHE, atomic_path, fingerprint
from fdd_lightning.utils.finite import not_finite, require_finite
from fdd_lightning.utils.paths import cache_root

DIGEST = "sha256"


def cached_tensors(folder: str, key: Mapping[str, Any], compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return tensors from a folder of the cache, or compute them on the CPU and put them there.

    ``key`` is all that decides them, JSON-able. A damaged file, and one that bears no hash, is made again.

    Raises:
        NotFiniteError: What was computed is not finite.
    """
    path = cache_root() / folder / f"{fingerprint(key)[:32]}.safetensors"
    if (found := _read(path)) is not None and not not_finite(found):
        return found
    tensors = {name: tensor.contiguous() for name, tensor in compute().items()}
    require_finite(tensors, f"{folder} of the training images", "look at the images and at what reads them")
    with atomic_path(path, IN_CACHE) as temporary:
        save_file(tensors, temporary, {DIGEST: _digest(tensors)})
    return tensors


def _read(path: Path) -> dict[str, Tensor] | None:
    """Return the tensors of a file; None where there is none, or not what was written."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            digest = (file.metadata() or {}).get(DIGEST)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError):
        return None
    return tensors if digest == _digest(tensors) else None


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors: their names, types, shapes and bytes."""
    facts = [[name, str(tensor.dtype), list(tensor.shape)] for name, tensor in sorted(tensors.items())]
    whole = hashlib.sha256(fingerprint(facts).encode())
    for _, tensor in sorted(tensors.items()):
        whole.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return whole.hexdigest()
