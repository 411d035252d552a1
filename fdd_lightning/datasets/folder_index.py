"""A user's own images: of what class and group they are, and in which split; checked before any is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.datasets.copies import equal_files
from fdd_lightning.datasets.folder_files import Columns, FolderImages, below, find_images
from fdd_lightning.datasets.held_out import Draw, hold_out
from fdd_lightning.datasets.label_table import did_you_mean, shortened
from fdd_lightning.datasets.labelled_files import LabelledFiles
from fdd_lightning.errors import FileFormatError
from fdd_lightning.utils.contents import content_hashes
from fdd_lightning.utils.files import fingerprint
from fdd_lightning.utils.plain_text import ABOUT_YAML, alike, plain


@dataclass(frozen=True)
class FolderIndex:
    """What there is.

    Attributes:
        class_names: Names of the classes; numbers in their order, else the alphabet's, or the order that was given.
        group_names: Names of the groups in the same order; ``all`` alone where there are none.
        splits: ``train``, ``test`` and, where one was named, ``val``: their files, in the order of their names.
        drawn: How the test images were drawn; empty where they were named.
        state: Hash of files (names and contents), classes, groups and splits.
        notes: What the user may not expect, a line each.

    Example:
        >>> pair = LabelledFiles([Path("a.png"), Path("b.png")], torch.tensor([0, 1]), torch.tensor([0, 0]))
        >>> str(FolderIndex(("cat", "dog"), ("all",), {"train": pair, "test": pair}, drawn="drawn", state=""))
        '4 images in 2 classes (cat, dog), no groups: 2 for training, 2 for the test (drawn)'
    """

    class_names: tuple[str, ...]
    group_names: tuple[str, ...]
    splits: dict[str, LabelledFiles]
    drawn: str
    state: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say in one line what was found."""
        images = sum(map(len, self.splits.values()))
        groups = f"{len(self.group_names)} groups ({shortened(self.group_names, mark='; ')})"
        many = f" and {groups}" if len(self.group_names) > 1 else ", no groups"
        kinds = {"train": "for training", "val": "for validation", "test": "for the test"}
        parts = ", ".join(f"{len(files):,} {kinds[split]}" for split, files in self.splits.items())
        return (
            f"{images:,} images in {len(self.class_names)} classes ({shortened(self.class_names)}){many}: {parts}"
            f"{f' ({self.drawn})' if self.drawn else ''}"
        )


def read_folder(
    folder: Path,
    table: Path | None,
    columns: Columns,
    classes: Sequence[str] | None,
    test_share: float,
    seed: int,
    test: Draw = "balanced",
) -> FolderIndex:
    """Look what there is; arguments mean what they do in :class:`Folder`.

    Equal files are never parted by a draw.

    Raises:
        FDDError: Something is missing, contradicts itself, or leaves a class without training or test images.
    """
    images = find_images(folder, table, columns)
    names = [plain(name) for name in below(folder, *images.files)]
    order = sorted(range(len(names)), key=names.__getitem__)
    class_names = tuple(map(plain, classes)) if classes else tuple(in_order(images.targets))
    number = {name: i for i, name in enumerate(class_names)}
    for place, name in enumerate(images.targets):
        if name not in number:
            raise FileFormatError(
                f"{images.where(place)}: class {name!r} is not among `classes` ({shortened(class_names)})"
                f"{_quoted(name, class_names) or did_you_mean(name, class_names)}: correct it, or add it there"
            )
    if len(class_names) < 2:
        raise FileFormatError(
            f"folder: all images of {str(folder)!r} are of one class ({class_names[0]!r}): add others"
        )
    targets = torch.tensor([number[images.targets[place]] for place in order])
    group_names, groups = _numbered_groups(images, columns, order)
    files = LabelledFiles([images.files[place] for place in order], targets, groups)
    named = None if images.splits is None else [images.splits[place] for place in order]
    equal = equal_files(files.files)
    notes = [*images.notes, *_look_alikes(class_names, images, columns)]
    if named is None:
        bound, told = _bound(files, equal, class_names)
        held_out = hold_out(files, class_names, group_names, test_share, seed, test, bound)
        splits, how, even = {"train": held_out.train, "test": held_out.test}, held_out.how, held_out.even
    else:
        splits, told, how, even = _parted(files, named), _in_both(files, named, equal), "", False
    for split in ("train", "test"):
        _check_classes(splits, split, class_names, named is None, test_share)
    facts = [
        [names[place] for place in order],
        content_hashes(files.files),
        [images.targets[place] for place in order],
        None if images.groups is None else [images.groups[place] for place in order],
        named,
        *(["test drawn equally from cells"] if even else []),
    ]
    if named is None and told:  # copies decide the draw
        facts.append(equal.tolist())
    return FolderIndex(class_names, group_names, splits, how, fingerprint(facts), (*notes, *told))


def in_order(values: Iterable[str]) -> list[str]:
    """Return the different values: by number if all are numbers, else by the alphabet."""
    different = sorted(set(values))
    try:
        return sorted(different, key=float)
    except ValueError:
        return different


def _numbered_groups(images: FolderImages, columns: Columns, order: Sequence[int]) -> tuple[tuple[str, ...], Tensor]:
    """Return the names of the groups that there are, and each image's group."""
    if images.groups is None:
        return ("all",), torch.zeros(len(order), dtype=torch.int64)
    ranks = [{value: i for i, value in enumerate(in_order(values))} for values in zip(*images.groups, strict=True)]
    present = sorted(set(images.groups), key=lambda values: [rank[v] for rank, v in zip(ranks, values, strict=True)])
    number = {values: i for i, values in enumerate(present)}
    group_names = tuple(
        values[0]
        if len(values) == 1
        else ", ".join(f"{column}={value}" for column, value in zip(columns.group or (), values, strict=True))
        for values in present
    )
    return group_names, torch.tensor([number[images.groups[place]] for place in order])


def _quoted(name: str, class_names: Sequence[str]) -> str:
    """Return what happened to a class that YAML took for a number, as part of a sentence."""
    taken = name.isdecimal() and name.startswith("0") and {str(int(name)), str(_octal(name))} & set(class_names)
    return f" ({ABOUT_YAML})" if taken else ""


def _octal(name: str) -> int | None:
    try:
        return int(name, 8)
    except ValueError:
        return None


def _look_alikes(class_names: Sequence[str], images: FolderImages, columns: Columns) -> list[str]:
    """Tell which names may be meant to be one."""
    kinds: dict[str, Iterable[str]] = {"classes": class_names}
    for column, values in zip(columns.group or (), zip(*images.groups or (), strict=True), strict=False):
        kinds[f"values of {column!r}"] = values
    return [
        f"warning: {kind} {shortened([repr(name) for name in names])} are told apart, though they look like one: "
        "write them alike if they are"
        for kind, values in kinds.items()
        for names in alike(values)
    ]


def _bound(files: LabelledFiles, equal: Tensor, class_names: Sequence[str]) -> tuple[Tensor, list[str]]:
    """Return which images a draw must not part, by number, and what the user may not expect of that."""
    bound, notes = equal.clone(), []
    copies = len(files) - len(equal.unique())
    if copies:
        notes.append(
            f"{copies:,} of {len(files):,} images are copies of others (equal files): each stands on the side of the "
            "split where its copies are"
        )
    for target, name in enumerate(class_names if copies else ()):
        members = (files.targets == target).nonzero().flatten()
        if len(members) > 1 and len(equal[members].unique()) == 1:
            bound[members] = len(files) + members  # or there would be nothing to train or to test on
            notes.append(
                f"warning: class {name!r} is one image, {len(members):,} times: it stands in training and in the test"
            )
    return bound, notes


def _in_both(files: LabelledFiles, named: Sequence[str], equal: Tensor) -> list[str]:
    """Count the test images that are in training too, where the user said the splits."""
    train = {number for number, split in zip(equal.tolist(), named, strict=True) if split == "train"}
    both = [
        path
        for path, number, split in zip(files.files, equal.tolist(), named, strict=True)
        if split == "test" and number in train
    ]
    if not both:
        return []
    return [
        f"warning: {len(both):,} of {named.count('test'):,} test images are in training too (equal files), such as "
        f"{str(both[0])!r}: take them out of one of both"
    ]


def _parted(files: LabelledFiles, named: Sequence[str]) -> dict[str, LabelledFiles]:
    """Part the images by the split that each one names."""
    index = {split: [place for place, name in enumerate(named) if name == split] for split in ("train", "val", "test")}
    return {
        split: files.subset(torch.tensor(places, dtype=torch.int64))
        for split, places in index.items()
        if places or split != "val"
    }


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
