"""Where things lie: the data root, the cache and the configuration menu."""

from __future__ import annotations

import os
from pathlib import Path

from fdd_lightning.errors import DatasetNotFoundError, FDDError

PACKAGE = Path(__file__).parent.parent

CONFIGS = next(
    folder
    for folder in (PACKAGE / "configs", PACKAGE.parent / "configs")
    if folder.is_dir() or folder.parent != PACKAGE
)
"""The menu: inside the package in an installed wheel, beside it in a checkout."""

TABLES = frozenset({".csv", ".tsv", ".parquet", ".pq"})
"""Endings of tables of images."""


def data_root() -> Path:
    """Return the data root: ``FDD_DATA``, or ``data`` below the current folder; it need not exist."""
    return Path(os.environ.get("FDD_DATA") or "data")


def require_data_root() -> Path:
    """Return the data root, or say how to name one.

    Raises:
        DatasetNotFoundError: The folder does not exist.
    """
    root = data_root()
    if not root.is_dir():
        raise DatasetNotFoundError(
            f"data root {str(root)!r} does not exist: set FDD_DATA to the folder of your data sets, or create it"
        )
    return root


def cache_root() -> Path:
    """Return the cache folder, made when absent.

    ``FDD_CACHE``, or ``.fdd`` below the data root, or ``~/.cache/fdd-lightning`` where the root is missing or
    read-only.

    Raises:
        FDDError: It cannot be made.
    """
    named = os.environ.get("FDD_CACHE")
    root = data_root()
    if named:
        cache = Path(named)
    elif root.is_dir() and os.access(root, os.W_OK):
        cache = root / ".fdd"
    else:
        cache = Path.home() / ".cache" / "fdd-lightning"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FDDError(
            f"the cache folder {str(cache)!r} cannot be made ({error.strerror}): set FDD_CACHE to a folder that can be "
            "written to"
        ) from None
    return cache
