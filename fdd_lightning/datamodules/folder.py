"""A user's own images: which there are, of what class and group, and in which split; checked before any is read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Tensor

from fdd_lightning.datamodules.natural_bias import NaturalBias
from fdd_lightning.datamodules.own_names import own_name
from fdd_lightning.datasets import ImageSet, Split
from fdd_lightning.datasets.association import named_majority
from fdd_lightning.datasets.folder_files import Columns, FolderImages, below, find_images
from fdd_lightning.datasets.held_out import LEAST_IN_CELL, Draw, hold_out
from fdd_lightning.datasets.image_files import resized
from fdd_lightning.datasets.label_table import did_you_mean, shortened
from fdd_lightning.datasets.labelled_files import LabelledFiles
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FileFormatError
from fdd_lightning.utils import paths
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.files import fingerprint


@dataclass(frozen=True)
class FolderIndex:
    """What there is.

    Attributes:
        class_names: Names of the classes; numbers in their order, else the alphabet's, or the order that was given.
        group_names: Names of the groups in the same order; ``all`` alone where there are none.
        splits: ``train``, ``test`` and, where one was named, ``val``: their files, in the order of their names.
        drawn: How the test images were drawn; empty where they were named.
        state: Hash of files (names and sizes), classes, groups and splits.

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
    """Look what there is, without reading images; arguments mean what they do in :class:`Folder`.

    Raises:
        FDDError: Something is missing, contradicts itself, or leaves a class without training or test images.
    """
    images = find_images(folder, table, columns)
    names = below(folder, *images.files)
    order = sorted(range(len(names)), key=names.__getitem__)
    class_names = tuple(classes or in_order(images.targets))
    number = {name: i for i, name in enumerate(class_names)}
    for place, name in enumerate(images.targets):
        if name not in number:
            raise FileFormatError(
                f"{images.where(place)}: class {name!r} is not among `classes` ({shortened(class_names)})"
                f"{did_you_mean(name, class_names)}: correct it, or add it there"
            )
    if len(class_names) < 2:
        raise FileFormatError(
            f"folder: all images of {str(folder)!r} are of one class ({class_names[0]!r}): add others"
        )
    targets = torch.tensor([number[images.targets[place]] for place in order])
    group_names, groups = _numbered_groups(images, columns, order)
    files = LabelledFiles([images.files[place] for place in order], targets, groups)
    named = None if images.splits is None else [images.splits[place] for place in order]
    if named is None:
        drawn = hold_out(files, class_names, group_names, test_share, seed, test)
        splits, how, even = {"train": drawn.train, "test": drawn.test}, drawn.how, drawn.even
    else:
        splits, how, even = _parted(files, named), "", False
    for split in ("train", "test"):
        _check_classes(splits, split, class_names, named is None, test_share)
    facts = [
        [names[place] for place in order],
        [path.stat().st_size for path in files.files],
        [images.targets[place] for place in order],
        None if images.groups is None else [images.groups[place] for place in order],
        named,
        *(["test drawn equally from cells"] if even else []),
    ]
    return FolderIndex(class_names, group_names, splits, how, fingerprint(facts))


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


LICENCE = "a folder of images of the user's own; no licence was stated"


class Folder(NaturalBias):
    """Your own images: class folders, or a table (CSV, Parquet) with file, class, protected attributes and split.

    Class folders are ``PATH/<class>/*.jpg`` or ``PATH/{train,test}/<class>/*.jpg``. A table needs a row for each image
    that is to be used; without a column of classes it adds groups to class folders. Where neither folders nor table say
    which images are for the test, these are drawn (see ``test``); the rows of a test set that is as biased as the rest
    go by balanced accuracy. Test cells of fewer than ten images are left out of the gaps between groups and of the
    worst group. Without a column of groups, what needs no group labels works and fairness is not measured.

    Images become RGB, size x size: turned as their EXIF says, middle square, bilinear. The folder is read again by each
    new object; an object that has looked does not look again. The cache notices changed labels and files that were
    added, removed, renamed or have another size.

    Args:
        path: Folder of the images, relative to the current one (``~`` is the home folder; absolute paths below it are
            kept in that form, as files name where their data were); null for ``folder`` below the data root.
        table: CSV or Parquet, below ``path`` or below the current folder; null for class folders alone.
        image: Column of file names, relative to ``path`` or absolute.
        target: Column of classes; where there is no ``target`` the class folders count.
        group: Column of the protected attribute, or a list of several for their product; a column ``group`` is used
            where there is one, null leaves groups out.
        split: Column that says train, test or val; a column ``split`` is used where there is one, null draws the test
            images in any case.
        classes: The classes that there may be, in the order wanted; null for those found, sorted (by number, if all are
            numbers).
        size: Height and width of the images, in pixels.
        test_share: Share of the images drawn for the test where no split is given, above 0 and below 1.
        test: How they are drawn where there are groups: ``balanced``, equally many of every (class, group) cell, at
            least ten and at most a third of the smallest; where both cannot be, and with ``proportional``, the same
            share of every cell but for rounding.
        name: What rows, charts and folders of runs call the data set; null for the folder's own name.
        majority: The group that goes with each class (``{cat: day, dog: night}``), for the accuracy of aligned and of
            conflicting images; null for each class's largest group, where class and group are associated at all.
        mean: Mean to normalise with, per channel, on the 0..1 scale; it is not measured, as it is asked for before any
            image is read.
        std: Standard deviation to normalise with, per channel, on the 0..1 scale.
        licence: A line about the images' licence, for the files made of them.

    Example:
        >>> Folder("photos", table="labels.csv", group=["sex", "age"], size=32).image_shape
        (3, 32, 32)
    """

    name = "folder"
    determines = (
        "path", "table", "image", "target", "group", "split", "classes", "size", "test_share", "balanced", "mean",
        "std", "seed", "test", "majority",
    )  # fmt: skip
    later = ("test", "majority")
    least_in_cell = LEAST_IN_CELL
    image_shape = (3, 64, 64)
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    licence = LICENCE

    def __init__(
        self,
        path: str | None = None,
        table: str | None = None,
        image: str = "image",
        target: str = "target",
        group: list[str] | str | None = "group",
        split: str | None = "split",
        classes: Sequence[str | int] | None = None,
        size: int = 64,
        test_share: float = 0.2,
        mean: tuple[float, float, float] = (0.5, 0.5, 0.5),
        std: tuple[float, float, float] = (0.5, 0.5, 0.5),
        licence: str = LICENCE,
        test: Draw = "balanced",
        name: str | None = None,
        majority: dict[str | int, str | int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = _from_home(path)
        self.table = _from_home(table)
        self.image = image
        self.target = target
        self.group = group
        self.split = split
        self.classes = None if classes is None else [str(name) for name in classes]
        self.size = size
        self.test_share = test_share
        self.test_draw = test
        self.majority = None if majority is None else {str(name): str(group) for name, group in majority.items()}
        self.image_shape = (3, size, size)
        self.mean, self.std = tuple(mean), tuple(std)
        self.licence = " ".join(licence.split())
        self.reads_root = path is None
        self.name = own_name(name, self.path, Folder, self.entry)
        groups = (group,) if isinstance(group, str) else tuple(group or ())
        self._columns = Columns(image, target, groups if group else None, split or None)
        self._looked: dict[Path, FolderIndex] = {}
        self._check()

    def _check(self) -> None:
        """Refuse what cannot mean anything."""
        require({"size": self.size}, least=1, of="folder:")
        if not 0 < self.test_share < 1:
            raise ConfigError(f"folder: test_share={self.test_share}: a share of the images, above 0, below 1")
        for key, values, good in (
            ("mean", self.mean, all(0 <= v <= 1 for v in self.mean)),
            ("std", self.std, all(v > 0 for v in self.std)),
        ):
            if len(values) != 3 or not good:
                raise ConfigError(
                    f"folder: {key}={list(values)}: three numbers on the scale 0..1, one for each channel"
                )
        names = self._columns.all()
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f"folder: column {name!r} is named twice: image, target, group and split are columns apart"
                )
        if self.classes is not None and len(set(self.classes)) != len(self.classes):
            raise ConfigError(f"folder: classes={self.classes}: a name stands there twice")

    def argument(self, key: str) -> Any:
        """Return an argument; ``test`` is how test images are drawn, where the attribute is the images."""
        return self.test_draw if key == "test" else super().argument(key)

    @property
    def settings(self) -> dict[str, Any]:
        """How the images differ from the menu's entry; where they lie says which they are."""
        return super().settings | ({"root": self.root} if self.root is not None and self.path is None else {})

    @property
    def own_source(self) -> str:
        """The folder, and the table."""
        return ", ".join(filter(None, (self.path or f"{self.entry} in {self.root or 'FDD_DATA'}", self.table)))

    @property
    def aligned(self) -> Tensor | None:
        """The cells of ``majority``; None where it is left to the counts."""
        return None if self.majority is None else named_majority(self.majority, self.class_names, self.group_names)

    @property
    def parameters(self) -> dict[str, Any]:
        """What determines images, labels and normalisation, as JSON holds it."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in super().parameters.items()}

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of table or folders."""
        return self.index.class_names

    @property
    def group_names(self) -> tuple[str, ...]:
        """The values of the protected attribute, ``sex=female, age=young`` for several; ``all`` if there is none."""
        return self.index.group_names

    @property
    def index(self) -> FolderIndex:
        """What there is in the folder; looked up once.

        Raises:
            FDDError: Folder and table cannot be used; the line says why.
        """
        folder = self.source()
        key = folder.absolute()
        if key not in self._looked:
            table, draw = self._table(folder), (self.test_share, self.seed, self.test_draw)
            index = read_folder(folder, table, self._columns, self.classes, *draw)
            if self.validation and "val" in index.splits:
                raise ConfigError(
                    f"folder: validation={self.validation:g} beside images of the split val: leave one of them out"
                )
            if self.balanced and len(index.group_names) < 2:
                raise ConfigError("folder: balanced=true needs groups, and there are none: name a column by `group`")
            if self.majority is not None:
                named_majority(self.majority, index.class_names, index.group_names)
            self._looked[key] = index
        return self._looked[key]

    @property
    def val(self) -> ImageSet | None:
        """The validation images: those that were given to the split val, or a share that was set aside."""
        return self._split("val") if self.validation or "val" in self._sets else None

    def source(self) -> Path:
        """Return the folder of the images: ``path``, or ``folder`` below ``root`` or the data root.

        Raises:
            DatasetNotFoundError: It does not exist.
        """
        if self.path is None:
            folder = Path(self.root or paths.data_root()) / self.entry
            if not folder.is_dir():
                raise DatasetNotFoundError(
                    f"folder: {str(folder)!r} does not exist: name the folder of your images by `path`, or put them "
                    "there (below FDD_DATA, or `root`)"
                )
            return folder
        folder = Path(self.path).expanduser()
        if not folder.is_dir():
            below = "" if folder.is_absolute() else f" below {str(Path.cwd())!r}"
            raise DatasetNotFoundError(
                f"folder: path {self.path!r} does not exist{below}: name the folder of your images (--data.path)"
            )
        return folder

    def _table(self, folder: Path) -> Path | None:
        """Return the table's file."""
        if self.table is None:
            return None
        named = Path(self.table).expanduser()
        file = next((path for path in (folder / named, named) if path.is_file()), None)
        if file is None:
            raise DatasetNotFoundError(
                f"folder: table {self.table!r} is neither in {str(folder)!r} nor below the current folder: name a CSV "
                "or Parquet file"
            )
        return file

    def source_state(self) -> str:
        """Return a hash of files (names and sizes), classes, groups and splits."""
        return self.index.state

    def build(self) -> dict[str, Split]:
        """Say what was found and name the images of each split: turned as their EXIF says, middle square, resized."""
        sys.stderr.write(f"folder: {self.index}\n")
        parts = {**self.index.splits, "train": self.train_files(self.index.splits["train"])}
        resize = resized(self.size)

        def prepare(image: Image.Image) -> Image.Image:
            return resize(ImageOps.exif_transpose(image))

        return {split: files.split(prepare) for split, files in parts.items()}


def _from_home(path: str | None) -> str | None:
    """Return a path with the home folder as ``~``: it goes into files that others may read."""
    if path is not None and Path(path).is_relative_to(Path.home()):
        return str(Path("~", Path(path).relative_to(Path.home())))
    return path
