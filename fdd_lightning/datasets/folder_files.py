"""Where a user's own images lie, and what their folders and tables say of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fdd_lightning.datasets.image_files import image_files, is_hidden, told_left_out
from fdd_lightning.datasets.label_table import LabelTable, read_table, shortened
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.utils.paths import TABLES
from fdd_lightning.utils.plain_text import on_disk, plain

SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
}
"""Names of splits, in lower case, in folders and tables."""


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns.

    A column under its default name is used where it is there; one that was named otherwise has to be.

    Attributes:
        image: The image's file.
        target: The class.
        group: Protected attributes; several make a product. None where there are none.
        split: ``train``, ``test`` or ``val``; None to draw the test images whatever the table says.

    Example:
        >>> Columns(target="breed", group=("sex", "age")).chosen()
        {'target': 'breed', 'group': 'sex, age'}
    """

    image: str = "image"
    target: str = "target"
    group: tuple[str, ...] | None = ("group",)
    split: str | None = "split"

    def all(self) -> list[str]:
        """Return every name."""
        return [self.image, self.target, *(self.group or ()), *([self.split] if self.split else [])]

    def chosen(self) -> dict[str, str]:
        """Return the names that are not the defaults, by argument: these have to be there."""
        default, names = Columns(), {"target": self.target, "split": self.split}
        if self.group != default.group:
            names["group"] = ", ".join(self.group or ())
        return {key: name for key, name in names.items() if name and name != getattr(default, key)}


@dataclass
class FolderImages:
    """One list for each fact, a place for each image.

    Attributes:
        files: Images.
        where: What to call the place in a message.
        targets: Classes.
        groups: Values of the protected attributes; None where there are none.
        splits: Names of splits as they are in :data:`SPLITS`; None where none is given.
        notes: What was left out, a line each.

    Example:
        >>> FolderImages([Path("cat/1.jpg")], where=lambda place: f"row {place + 2}", targets=["cat"]).where(0)
        'row 2'
    """

    files: list[Path]
    where: Callable[[int], str]
    targets: list[str]
    groups: list[tuple[str, ...]] | None = None
    splits: list[str] | None = None
    notes: list[str] = field(default_factory=list)


def find_images(folder: Path, table: Path | None, columns: Columns) -> FolderImages:
    """Find the images of a folder, and what class folders, and the table if there is one, say of them.

    Raises:
        FDDError: Something is missing, or contradicts itself.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(f"folder: {str(folder)!r} does not exist: name the folder of the images by `path`")
    labels = None if table is None else read_table(table, columns.all())
    layout = _class_folders(folder)
    named = labels is not None and (columns.target in labels.names or columns.target != Columns().target)
    if labels is not None and (named or len({plain(path.name) for _, path in layout}) < 2):
        return _from_rows(folder, labels, columns)
    return _from_class_folders(folder, layout, labels, columns)


def _class_folders(folder: Path) -> list[tuple[str | None, Path]]:
    """List the class folders, with the split that they lie in if they do."""
    inside = _subfolders(folder)
    splits = [path for path in inside if path.name.lower() in SPLITS]
    # A class may be called "train"; what lies beside both train and test is something else again.
    if splits and (len(splits) == len(inside) or len({SPLITS[path.name.lower()] for path in splits}) > 1):
        return [(SPLITS[part.name.lower()], path) for part in splits for path in _subfolders(part)]
    return [(None, path) for path in inside]


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name) and path.name[:2] != "__"
    )


def _from_class_folders(
    folder: Path, layout: Sequence[tuple[str | None, Path]], labels: LabelTable | None, columns: Columns
) -> FolderImages:
    """Take classes from folders, and what else there is from the table."""
    if labels is None:
        for argument, name in columns.chosen().items():
            raise ConfigError(
                f"folder: {argument}={name!r} is a column of a table: name the table by `table`{_tables_in(folder)}"
            )
    if not layout:
        raise DatasetNotFoundError(
            f"folder: {str(folder)!r} has no class folders (<class>/ or train/<class>/ and test/<class>/): sort the "
            f"images into some, or name a table of them by `table`{_tables_in(folder)}"
        )
    files, targets, splits = [], [], []
    others: Counter[str] = Counter()
    for split, path in layout:
        inside = image_files(path, others)
        files += inside
        targets += [plain(path.name)] * len(inside)
        splits += [split] * len(inside)
    known = [split for split in splits if split is not None and columns.split is not None]  # of all images, or of none
    images = FolderImages(files, lambda place: f"image {str(files[place])!r}", targets, splits=known or None)
    images.notes += told_left_out(others)
    if labels is None and (tables := _tables_in(folder)):
        images.notes.append(f"the folders say the classes, no table is read{tables}: name it by `table` if it counts")
    if labels is not None:
        order = _rows_of(folder, files, labels, columns)
        groups = _groups(labels, columns)
        images.groups = None if groups is None else [groups[place] for place in order]
        images.notes += _unread(labels, columns)
        named = None if known else _splits(labels, columns)
        images.splits = images.splits if named is None else [named[place] for place in order]
    return images


def _rows_of(folder: Path, files: Sequence[Path], labels: LabelTable, columns: Columns) -> list[int]:
    """Find the row of each image; rows name it by its path below the folder, or by its name where that is unique."""
    places = {_absolute(path): i for i, path in enumerate(files)}
    by_looks: dict[str, list[int]] = {}
    for i, path in enumerate(files):
        by_looks.setdefault(plain(path.name), []).append(i)
    rows: list[int | None] = [None] * len(files)
    for row, cell in enumerate(labels.cells(columns.image, "image")):
        found = _file(folder, cell)
        alike = by_looks.get(cell, [])
        place = None if found is None else places.get(_absolute(found))
        if place is None and len(alike) == 1:
            place = alike[0]
        if place is None and alike:
            raise FileFormatError(
                f"{labels.row(row)}: there are {len(alike)} images {cell!r}: write them with their folders, "
                f"such as {below(folder, files[alike[0]])[0]!r}"
            )
        if place is None:
            raise DatasetNotFoundError(
                f"{labels.row(row)}: no image {cell!r} in the class folders of {str(folder)!r}: correct the name, or "
                "take the row out"
            )
        before = rows[place]
        if before is not None:
            raise _twice(labels, before, row, cell)
        rows[place] = row
    without = [path for path, row in zip(files, rows, strict=True) if row is None]
    if without:
        raise FileFormatError(
            f"{labels.file} has no row for {len(without)} of {len(files)} images, such as "
            f"{below(folder, without[0])[0]!r}: add rows, or take the images out of the class folders (which say the "
            f"class, for want of a column {columns.target!r})"
        )
    return [row for row in rows if row is not None]


def _from_rows(folder: Path, labels: LabelTable, columns: Columns) -> FolderImages:
    """Take everything from the table."""
    names = labels.cells(columns.image, "image")
    found = [_file(folder, name) for name in names]
    files = [path or folder / name for path, name in zip(found, names, strict=True)]
    targets = labels.cells(columns.target, "target")
    seen: dict[str, int] = {}
    for row, path in enumerate(files):
        before = seen.setdefault(_absolute(path), row)
        if before != row:
            raise _twice(labels, before, row, names[row])
    missing = [row for row, path in enumerate(found) if path is None]
    if missing:
        row = missing[0]
        more = f", nor those of {len(missing) - 1} other rows" if len(missing) > 1 else ""
        raise DatasetNotFoundError(
            f"{labels.row(row)}: no file {names[row]!r} in {str(folder)!r}{_similar(files[row])}{more}: correct the "
            "names, or take the rows out"
        )
    named = FolderImages(files, labels.row, targets, _groups(labels, columns), _splits(labels, columns))
    named.notes += _unread(labels, columns)
    return named


def _groups(labels: LabelTable, columns: Columns) -> list[tuple[str, ...]] | None:
    """Return the values of the protected attributes, row by row."""
    names = columns.group
    if names is None or (names == Columns().group and names[0] not in labels.names):
        return None
    values = [labels.cells(name, "group") for name in names]
    for name, cells in zip(names, values, strict=True):
        if len(set(cells)) == 1:
            raise FileFormatError(
                f"{labels.file}: group column {name!r} has one value ({cells[0]!r}): leave it out (group: null), or "
                "name another"
            )
    return list(zip(*values, strict=True))


def _splits(labels: LabelTable, columns: Columns) -> list[str] | None:
    """Return the split of each row, if the table says it."""
    name = columns.split
    if name is None or (name == Columns().split and name not in labels.names):
        return None
    cells = labels.cells(name, "split")
    for row, cell in enumerate(cells):
        if cell.lower() not in SPLITS:
            raise FileFormatError(
                f"{labels.row(row)}: {name}={cell!r} is no split: write train, test or val, or draw the test images "
                "(split: null)"
            )
    return [SPLITS[cell.lower()] for cell in cells]


def _unread(labels: LabelTable, columns: Columns) -> list[str]:
    """Return a line that names the columns that are not read, where no groups are."""
    others = [name for name in labels.names if name not in columns.all() and name.strip()]
    if not others or _groups(labels, columns) is not None or columns.group is None:
        return []
    return [f"{labels.file.name}: not read: {shortened(others, 5)}; name columns of groups by `group`"]


def _twice(labels: LabelTable, before: int, row: int, cell: str) -> FDDError:
    return FileFormatError(f"{labels.row(row)}: {cell!r} stands in row {labels.numbers[before]} too: take one out")


def _file(folder: Path, name: str) -> Path | None:
    """Return the file that a table names, also by a name that only looks the same, or with backslashes."""
    path = folder / name
    if path.is_file():
        return path
    ways = (on_disk(folder / way) for way in (name, name.replace("\\", "/")))
    return next((found for found in ways if found.is_file()), None)


def _absolute(path: Path) -> str:
    """Return a path by which two names of one file are the same (links are not followed)."""
    return os.path.abspath(path)  # noqa: PTH100 (resolve() would follow links)


def below(folder: Path, *files: Path) -> list[str]:
    """Return the paths of files below the folder, or the whole paths of those that lie elsewhere."""
    start = _absolute(folder) + os.sep
    return [_absolute(path).removeprefix(start).replace(os.sep, "/") for path in files]


def _similar(path: Path) -> str:
    """Return a file beside a missing one that differs in its ending or in capitals, as part of a sentence."""
    try:
        alike = [entry.name for entry in path.parent.iterdir() if entry.stem.lower() == path.stem.lower()]
    except OSError:
        return ""
    return f" (did you mean {min(alike)!r}?)" if alike else ""


def _tables_in(folder: Path) -> str:
    """Return the tables that lie in a folder, as part of a sentence."""
    tables = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in TABLES)
    return f" (there is {shortened(tables, 3)})" if tables else ""
