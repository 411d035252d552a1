"""Tensors that are computed once and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fdd_lightning.utils.files import atomic_path, fingerprint
from fdd_lightning.utils.finite import not_finite, require_finite
from fdd_lightning.utils.paths import cache_root


def cached_tensors(folder: str, key: Mapping[str, Any], compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return tensors from a folder of the cache, or compute them on the CPU and put them there.

    ``key`` is all that decides them, JSON-able. A damaged file is made again.

    Raises:
        NotFiniteError: What was computed is not finite.
    """
    path = cache_root() / folder / f"{fingerprint(key)[:32]}.safetensors"
    if path.is_file():
        try:
            if not not_finite(found := load_file(path)):
                return found
        except (SafetensorError, OSError):
            pass
        path.unlink(missing_ok=True)
    tensors = compute()
    require_finite(tensors, f"{folder} of the training images", "look at the images and at what reads them")
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)
    return tensors
