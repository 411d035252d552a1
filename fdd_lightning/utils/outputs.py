"""Where commands write: what no output may be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.paths import data_root

LONGEST = 255
"""Bytes that a file system takes as the name of a file or folder."""


def require_output(option: str, output: str | Path, inputs: Iterable[Path] = (), *, file: bool = False) -> None:
    """Refuse an output that cannot be written, or that this very command reads, before anything is done.

    Args:
        option: What named it, for the message.
        output: The folder, or the file, to be written.
        inputs: Files and folders that are read; nothing may be written into the latter.
        file: Whether it is a file.

    Raises:
        ConfigError: Says why, and the way out.

    Example:
        >>> require_output("--output", "photos/runs", [Path("photos")])
        Traceback (most recent call last):
        fdd_lightning.errors.ConfigError: --output photos/runs: lies in photos, which is read here: name another
    """
    text, path = str(output), Path(output)
    told = f"{option} {text if len(text) < 80 else f'{text[:80]}...'}"
    what = "file" if file else "folder"
    if not text.strip() or not text.isprintable() or "://" in text or text in ("null", "None"):
        raise ConfigError(f"{option} {text[:80]!r} is no name of a {what}: leave it out, or name one")
    if longest := next((part for part in path.parts if len(part.encode()) > LONGEST), None):
        raise ConfigError(f"{told}: a name of {len(longest)} letters is longer than a file system takes: shorten it")
    if path.is_dir() if file else path.is_file():
        raise ConfigError(f"{told} is a {'folder' if file else 'file'}: name a {what}")
    if blocked := next((parent for parent in path.parents if parent.is_file()), None):
        raise ConfigError(f"{told}: {blocked} is a file, not a folder: name another place")
    place = path.resolve()
    for read in inputs:
        source = read.resolve()
        if place == source:
            raise ConfigError(f"{told} is read here, and would be written over: name another {what}")
        if source in place.parents:
            raise ConfigError(f"{told}: lies in {read}, which is read here: name another")
    if place == data_root().resolve():
        raise ConfigError(f"{told} is the folder of the data sets (FDD_DATA): name another {what}")
