"""``fdd data clean``: what the cache holds, and away with it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.columns import print_columns
from fdd_lightning.configuration import menu
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.paths import cache_root
from fdd_lightning.utils.sizes import bytes_below

BUILT = re.compile(r"\.?(?P<name>.+)-[0-9a-f]{12}(\.part)?")
"""Folders of data sets, also half-built ones of commands that were killed."""

COMPUTED = re.compile(r"[0-9a-f]{32}\.\w+")
"""Files that are made again when they are needed: embeddings, votes, helps, notes."""


@dataclass(frozen=True)
class Entry:
    """Something in the cache that can be made again.

    Attributes:
        name: Of the data set; empty for what is computed.
        path: Its folder, right below the cache.

    Example:
        >>> Entry("cmnist", Path("cmnist-3b80d1fb31f6")).name
        'cmnist'
    """

    name: str
    path: Path


def entries(cache: Path) -> Iterator[Entry]:
    """Yield what this package put into a cache; what else lies there, links say, is none of its business."""
    for path in sorted(cache.iterdir()):
        if path.is_symlink() or not path.is_dir():
            continue
        names = [file.name for file in path.iterdir()]
        found = BUILT.fullmatch(path.name)
        if found and (found[2] or "manifest.json" in names):
            yield Entry(found["name"], path)
        elif names and all(COMPUTED.fullmatch(name) for name in names):
            yield Entry("", path)


def clean(action: str, args: list[str]) -> int:
    """Show what the cache holds and remove it once that was agreed to; return the exit code."""
    parser = LineParser(
        prog=f"fdd data {action}",
        description="Remove built data sets (those named, or all) and, where none is named, what was computed of them, "
        "from the cache. They are built again when they are needed. Nothing outside the cache is touched.",
        example="fdd data clean\nfdd data clean cmnist --yes",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets; without any: everything")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(args)
    cache = cache_root()
    found = list(entries(cache))
    known = {entry.name for entry in found} - {""}
    for name in options.names:
        if name not in known and menu.file_of("data", name) is None:
            raise ConfigError(
                f"fdd data {action}: {name!r} is no data set: {', '.join(sorted(known)) or 'none'} are built"
            )
    chosen = [entry for entry in found if not options.names or entry.name in options.names]
    if not chosen:
        print(f"nothing to remove in {cache}")
        return 0
    sizes = [bytes_below(entry.path) for entry in chosen]
    print_columns([(decimal(size), entry.path.name) for entry, size in zip(chosen, sizes, strict=True)])
    print(f"{decimal(sum(sizes))} in {cache}")
    if not options.yes and not _agreed():
        print("nothing was removed")
        return 0
    for entry in chosen:
        _remove(entry.path)
    print(f"removed {decimal(sum(sizes))}")
    return 0


def _agreed() -> bool:
    """Ask whoever sits at the terminal.

    Raises:
        ConfigError: Nobody does.
    """
    if not sys.stdin.isatty():
        raise ConfigError("fdd data clean: nobody can be asked here: say --yes to remove all this")
    print("remove all this? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remove(folder: Path) -> None:
    """Remove a folder: out of its place first, so that nobody reads half of it; a build of it waits for that."""
    from fdd_lightning.utils.locks import locked

    aside = folder if folder.name.startswith(".") else folder.with_name(f".{folder.name}.part")
    lock = folder.with_name(f"{aside.name.removesuffix('.part')}.lock")
    with locked(lock), suppress(FileNotFoundError):  # another command cleans as well
        if aside != folder:
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        shutil.rmtree(aside)
