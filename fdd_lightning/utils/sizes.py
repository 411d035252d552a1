"""Sizes of folders."""

from __future__ import annotations

import os
from pathlib import Path


def bytes_below(folder: str | Path) -> int:
    """Return the bytes of the files below a folder; links are not followed, what goes meanwhile counts nothing."""
    total, waiting = 0, [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as inside:
                for entry in inside:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
