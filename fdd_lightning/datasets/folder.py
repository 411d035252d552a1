"""A user's own images: which there are, of what class and group, and in which split.

Two forms. A *table* has a row for each image: its file, its class, perhaps groups and a split. *Class folders*,
``FOLDER/<class>/*.jpg`` or ``FOLDER/{train,test}/<class>/*.jpg``, say the class themselves; a table may add groups, a
row for each image again. All is checked before any image is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor

from fdd_lightning.datasets.assignment import stratified_cut
from fdd_lightning.datasets.files import resized
from fdd_lightning.datasets.folder_files import Columns, Found, below, find_images
from fdd_lightning.datasets.labelled import LabelledFiles, balanced
from fdd_lightning.datasets.split import Split
from fdd_lightning.datasets.table import did_you_mean, shortened
from fdd_lightning.errors import FileFormatError
from fdd_lightning.utils import rng
from fdd_lightning.utils.files import fingerprint


@dataclass(frozen=True)
class FolderIndex:
    """What there is.

    Attributes:
        class_names: Names of the classes; numbers in their order, else the alphabet's, or the order that was given.
        group_names: Names of the groups in the same order; ``all`` alone where there are none.
        splits: ``train``, ``test`` and, where one was named, ``val``: their files, in the order of their names.
        drawn: Whether the test images were drawn.
        state: Hash of files (names and sizes), classes, groups and splits.
    """

    class_names: tuple[str, ...]
    group_names: tuple[str, ...]
    splits: dict[str, LabelledFiles]
    drawn: bool
    state: str

    def __str__(self) -> str:
        """Say in one line what was found."""
        images = sum(map(len, self.splits.values()))
        groups = f"{len(self.group_names)} groups ({shortened(self.group_names, mark='; ')})"
        many = f" and {groups}" if len(self.group_names) > 1 else ", no groups"
        kinds = {"train": "for training", "val": "for validation", "test": "for the test"}
        parts = ", ".join(f"{len(files):,} {kinds[split]}" for split, files in self.splits.items())
        return (
            f"{images:,} images in {len(self.class_names)} classes ({shortened(self.class_names)}){many}: {parts}"
            f"{' (drawn)' if self.drawn else ''}"
        )


def read_folder(
    folder: Path,
    table: Path | None,
    columns: Columns,
    classes: Sequence[str] | None,
    test_share: float,
    seed: int,
) -> FolderIndex:
    """Look what there is, without reading images.

    Args:
        folder: The folder that names of files are relative to.
        table: The table, if there is one.
        columns: Names of its columns.
        classes: The classes that there may be, in the order wanted; None takes those that are found.
        test_share: Share of the images that is drawn for the test, where no split is given: the same of every class
            and group, but for rounding.
        seed: Seed of that draw.

    Raises:
        FDDError: Something is missing, contradicts itself, or leaves a class without training or test images.
    """
    found = find_images(folder, table, columns)
    return _index(folder, found, columns, classes, test_share, seed)


def build_folder(index: FolderIndex, size: int, cut_train: bool, seed: int) -> dict[str, Split]:
    """Name the images of each split, to be read when they are written.

    They are turned as their EXIF says, the middle square is cut out and resized.

    Args:
        index: What there is.
        size: Height and width wanted, in pixels.
        cut_train: Cut every training cell, by a draw, to the size of the smallest.
        seed: Seed of that draw.

    Raises:
        ConfigError: Cells are to be cut to the size of the smallest, and one is empty.
    """
    parts = dict(index.splits)
    if cut_train:
        draw = rng.generator(seed, "folder", "train", "cut")
        parts["train"] = balanced(parts["train"], "folder", index.class_names, index.group_names, draw)
    resize = resized(size)

    def prepare(image: Image.Image) -> Image.Image:
        return resize(ImageOps.exif_transpose(image))

    return {split: files.split(prepare) for split, files in parts.items()}


def _index(
    folder: Path, found: Found, columns: Columns, classes: Sequence[str] | None, test_share: float, seed: int
) -> FolderIndex:
    """Number classes and groups, and make the splits."""
    names = below(folder, *found.files)
    order = sorted(range(len(names)), key=names.__getitem__)
    class_names = tuple(classes or in_order(found.targets))
    number = {name: i for i, name in enumerate(class_names)}
    for place, name in enumerate(found.targets):
        if name not in number:
            raise FileFormatError(
                f"{found.where(place)}: class {name!r} is not among `classes` ({shortened(class_names)})"
                f"{did_you_mean(name, class_names)}: correct it, or add it there"
            )
    if len(class_names) < 2:
        raise FileFormatError(
            f"folder: all images of {str(folder)!r} are of one class ({class_names[0]!r}): add others"
        )
    targets = torch.tensor([number[found.targets[place]] for place in order])
    group_names, groups = _numbered_groups(found, columns, order)
    files = LabelledFiles([found.files[place] for place in order], targets, groups)
    given = None if found.splits is None else [found.splits[place] for place in order]
    splits = _drawn(files, test_share, seed) if given is None else _given(files, given)
    for split in ("train", "test"):
        _check_classes(splits, split, class_names, given is None, test_share)
    facts = [
        [names[place] for place in order],
        [path.stat().st_size for path in files.files],
        [found.targets[place] for place in order],
        None if found.groups is None else [found.groups[place] for place in order],
        given,
    ]
    return FolderIndex(class_names, group_names, splits, given is None, fingerprint(facts))


def in_order(values: Iterable[str]) -> list[str]:
    """Return the different values: by number if all are numbers, else by the alphabet."""
    different = sorted(set(values))
    try:
        return sorted(different, key=float)
    except ValueError:
        return different


def _numbered_groups(found: Found, columns: Columns, order: Sequence[int]) -> tuple[tuple[str, ...], Tensor]:
    """Return the names of the groups that there are, and each image's group."""
    if found.groups is None:
        return ("all",), torch.zeros(len(order), dtype=torch.int64)
    ranks = [{value: i for i, value in enumerate(in_order(values))} for values in zip(*found.groups, strict=True)]
    present = sorted(set(found.groups), key=lambda values: [rank[v] for rank, v in zip(ranks, values, strict=True)])
    number = {values: i for i, values in enumerate(present)}
    group_names = tuple(
        values[0]
        if len(values) == 1
        else ", ".join(f"{column}={value}" for column, value in zip(columns.group or (), values, strict=True))
        for values in present
    )
    return group_names, torch.tensor([number[found.groups[place]] for place in order])


def _drawn(files: LabelledFiles, test_share: float, seed: int) -> dict[str, LabelledFiles]:
    """Draw the test images: the same share of every cell, but for rounding; no training cell is emptied."""
    strata = files.targets * (int(files.groups.max()) + 1) + files.groups
    count = round(test_share * len(files))
    test = stratified_cut(strata, count, rng.generator(seed, "folder", "test", "cut"))
    rest = torch.ones(len(files), dtype=torch.bool).index_fill(0, test, False).nonzero().flatten()
    return {"train": files.subset(rest), "test": files.subset(test)}


def _given(files: LabelledFiles, given: Sequence[str]) -> dict[str, LabelledFiles]:
    """Part the images by the split that they were given."""
    found = {}
    for split in ("train", "val", "test"):
        index = [place for place, name in enumerate(given) if name == split]
        if index or split != "val":
            found[split] = files.subset(torch.tensor(index, dtype=torch.int64))
    return found


def _check_classes(
    splits: dict[str, LabelledFiles], split: str, class_names: Sequence[str], drawn: bool, test_share: float
) -> None:
    """Check that every class has images in a split."""
    there = torch.bincount(splits[split].targets, minlength=len(class_names))
    for target in (there == 0).nonzero().flatten().tolist():
        name, kind = class_names[target], "training" if split == "train" else "test"
        total = sum(int((files.targets == target).sum()) for files in splits.values())
        if not drawn and not len(splits[split]):
            raise FileFormatError(
                f"folder: no image is in the split {split!r}: put some there, or have the test images drawn "
                "(split: null)"
            )
        if not total:
            raise FileFormatError(f"folder: class {name!r} of `classes` has no image: add some, or take it out")
        if drawn:
            raise FileFormatError(
                f"folder: class {name!r} has {total} image{'s' if total > 1 else ''}, of which "
                f"test_share={test_share:g} leaves none for the test: raise it, add images, or give each image a split"
            )
        raise FileFormatError(f"folder: class {name!r} has no {kind} image: give it some, or take the class out")
