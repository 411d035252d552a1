"""Hashes of many files' contents, remembered in the cache: what has not changed is not read again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from fdd_lightning.errors import FDDError
from fdd_lightning.utils.files import State, atomic_path, fingerprint, sha256_file, state_of
from fdd_lightning.utils.paths import cache_root

FOLDER = "contents"

SETTLED = 2_000_000_000
"""Age (ns) from which a file is remembered: one that changes twice within a tick of its clock looks the same."""

_known: dict[str, tuple[State, str]] = {}
_opened: set[Path] = set()


def content_hashes(files: Sequence[Path]) -> list[str | None]:
    """Return the SHA-256 of each file; None where one cannot be read, which is told when it is used.

    A file is read when it is new, or when its size, times or inode have changed.
    """
    paths = [os.path.abspath(path) for path in files]  # noqa: PTH100 (10x faster)
    root = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""  # noqa: PTH120
    ledger = _ledger(root)
    if ledger is not None and ledger not in _opened:
        _known.update(_read(ledger, root))
        _opened.add(ledger)
    hashes: list[str | None] = []
    fresh = False
    for path in paths:
        try:
            state = state_of(path)
            known = _known.get(path)
            if known is None or known[0] != state:
                known = state, sha256_file(path)
                if time.time_ns() - max(state[1:3]) > SETTLED:
                    _known[path], fresh = known, True
        except OSError:
            _known.pop(path, None)
            hashes.append(None)
        else:
            hashes.append(known[1])
    if fresh and ledger is not None:
        _write(ledger, root, paths)
    return hashes


def _ledger(root: str) -> Path | None:
    """Return the file that remembers the hashes below a folder; None where the cache cannot be written to."""
    try:
        return cache_root() / FOLDER / f"{fingerprint(root)[:32]}.json"
    except FDDError:
        return None


def _read(ledger: Path, root: str) -> dict[str, tuple[State, str]]:
    """Read what is remembered; nothing, if the file is damaged."""
    inside = os.path.join(root, "")  # noqa: PTH118
    try:
        digest, entries = json.loads(ledger.read_bytes())
        if digest != fingerprint(entries):
            return {}
        return {f"{inside}{name}": ((size, *rest), value) for name, (size, *rest, value) in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _write(ledger: Path, root: str, paths: Sequence[str]) -> None:
    """Remember these files, and others below the folder that are still there."""
    inside = os.path.join(root, "")  # noqa: PTH118
    before = set(_read(ledger, root))
    here = {*paths, *(path for path in before - set(paths) if os.path.exists(path))}  # noqa: PTH110
    entries = {path.removeprefix(inside): (*_known[path][0], _known[path][1]) for path in here if path in _known}
    try:
        with atomic_path(ledger) as temporary:
            temporary.write_text(json.dumps([fingerprint(entries), entries]))
    except OSError:
        return  # they are computed again: not worth failing for
