"""A user's own images in miniature: coloured noise, in class folders and in tables."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.fakes_natural import write_picture

HEAD = ("image", "target", "group")


def write_class_folders(folder: Path, classes: Sequence[str] = ("cat", "dog"), count: int = 10) -> list[str]:
    """Write ``FOLDER/<class>/<number>.png`` and return their paths below the folder."""
    names = [f"{name}/{i}.png" for name in classes for i in range(count)]
    for name in names:
        write_picture(folder / name, seed=zlib.crc32(f"{folder.name}/{name}".encode()))  # none is a copy of another
    return names


def write_table(file: Path, rows: Iterable[Sequence[object]], head: Sequence[str] = HEAD, mark: str = ",") -> Path:
    """Write a CSV."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        csv.writer(stream, delimiter=mark).writerows([head, *rows])
    return file


def write_labelled(folder: Path, count: int = 10) -> Path:
    """Write two classes of two groups each, 70% in the class's own, and return their table."""
    names = write_class_folders(folder, count=count)
    rows = [
        (name, name[:3], "day" if (i % count < 0.7 * count) == (name[0] == "c") else "night")
        for i, name in enumerate(names)
    ]
    return write_table(folder / "labels.csv", rows)
