"""A user's own images as a data module."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datamodules.natural_bias import NaturalBias
from fdd_lightning.datamodules.own_names import own_name
from fdd_lightning.datasets import ImageSet, Split
from fdd_lightning.datasets.association import named_majority
from fdd_lightning.datasets.folder_files import Columns, below
from fdd_lightning.datasets.folder_index import FolderIndex, read_folder
from fdd_lightning.datasets.held_out import LEAST_IN_CELL, Draw
from fdd_lightning.datasets.image_files import resized, unreadable
from fdd_lightning.datasets.label_table import shortened
from fdd_lightning.datasets.labelled_files import LabelledFiles, require_classes
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.utils import paths
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.plain_text import ABOUT_YAML, on_disk, plain

LICENCE = "a folder of images of the user's own; no licence was stated"


LARGEST = 4096
"""Pixels on a side of the largest images that are built."""


class Folder(NaturalBias):
    """Your own images: class folders, or a table (CSV, Parquet) with file, class, protected attributes and split.

    Class folders are ``PATH/<class>/*.jpg`` or ``PATH/{train,test}/<class>/*.jpg``. A table needs a row for each image
    that is to be used; without a column of classes it adds groups to class folders. Where neither folders nor table say
    which images are for the test, these are drawn (see ``test``); the rows of a test set that is as biased as the rest
    go by balanced accuracy. Test cells of fewer than ten images are left out of the gaps between groups and of the
    worst group. Equal files are drawn together: no image is in training and in the test. Without a column of groups,
    what needs no group labels works and fairness is not measured.

    Images become RGB, size x size: turned as their EXIF says, on white where they are transparent, middle square,
    bilinear. Names in folders and tables are compared as they look (composed or not, without invisible characters). The
    folder is read again by each new object; an object that has looked does not look again. The cache notices changed
    labels and files that were added, removed, renamed or have another size.

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
        skip_damaged: Leave damaged images out and count them; else one is an error, which names all.

    Example:
        >>> Folder("photos", table="labels.csv", group=["sex", "age"], size=32).image_shape
        (3, 32, 32)
    """

    name = "folder"
    determines = (
        "path", "table", "image", "target", "group", "split", "classes", "size", "test_share", "balanced", "mean",
        "std", "seed", "test", "majority", "skip_damaged",
    )  # fmt: skip
    locations = ("path",)
    later = ("test", "majority", "skip_damaged")
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
        skip_damaged: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for key, given in (("image", image), ("target", target), ("group", group), ("split", split)):
            _check_names(key, given, str)
        _check_names("classes", classes, str | int)
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
        self.skip_damaged = skip_damaged
        self.reads_root = path is None
        self.name = own_name(name, self.path, Folder, self.entry)
        groups = (group,) if isinstance(group, str) else tuple(group or ())
        self._columns = Columns(
            plain(image), plain(target), tuple(map(plain, groups)) if group else None, plain(split) if split else None
        )
        self._looked: dict[Path, FolderIndex] = {}
        self._check()

    def _check(self) -> None:
        """Refuse what cannot mean anything."""
        require({"size": self.size}, least=1, of="folder:")
        require({"size": self.size}, most=LARGEST, of="folder:")
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
        if self.classes is not None and len(set(map(plain, self.classes))) != len(self.classes):
            numbers = any(name.isdecimal() for name in self.classes)
            typed = f"; if you wrote names such as 001, {ABOUT_YAML}" if numbers else ""
            raise ConfigError(f"folder: classes={self.classes}: a name stands there twice{typed}")

    def argument(self, key: str) -> Any:
        """Return an argument; ``test`` is how test images are drawn, where the attribute is the images."""
        return self.test_draw if key == "test" else super().argument(key)

    @classmethod
    def places(cls, arguments: Mapping[str, Any]) -> list[str]:
        """Return ``path``, and a ``table`` that lies outside of it."""
        table = Path(str(arguments.get("table") or ""))
        outside = table.is_absolute() or bool({"..", "~"} & set(table.parts)) or str(table).startswith("~")
        return super().places(arguments) + (["table"] if outside else [])

    @property
    def settings(self) -> dict[str, Any]:
        """How the images differ from the menu's entry; where they lie says which they are."""
        return super().settings | ({"root": self.root} if self.root is not None and self.path is None else {})

    @property
    def own_source(self) -> str:
        """The folder, and the table."""
        return ", ".join(filter(None, (self.path or f"{self.entry} in {self.root or 'FDD_DATA'}", self.table)))

    @property
    def own_paths(self) -> list[Path]:
        """The folder, and the table; with one, what else lies in the current folder is no image."""
        try:
            folder = self.source()
            table = self._table(folder)
        except DatasetNotFoundError:
            return []
        here = table is not None and folder.resolve() == Path.cwd()
        return [*([] if here else [folder]), *([] if table is None else [table])]

    @property
    def aligned(self) -> Tensor | None:
        """The cells of ``majority``; None where it is left to the counts."""
        return None if self.majority is None else named_majority(self.majority, self.class_names, self.group_names)

    @property
    def parameters(self) -> dict[str, Any]:
        """What determines images, labels and normalisation, as JSON holds it."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in super().parameters.items()}

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
        folder = on_disk(Path(self.path).expanduser())
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
        file = next((path for path in map(on_disk, (folder / named, named)) if path.is_file()), None)
        if file is None:
            raise DatasetNotFoundError(
                f"folder: table {self.table!r} is neither in {str(folder)!r} nor below the current folder: name a CSV "
                "or Parquet file"
            )
        return file

    def class_counts(self) -> list[int]:
        """Return how many training images each class has, as folder and table say."""
        return torch.bincount(self.index.splits["train"].targets, minlength=self.num_classes).tolist()

    def image_names(self) -> list[str]:
        """Return the files below the folder."""
        parts = self._sound(self.index.splits)[0] if self.skip_damaged else self.index.splits
        names = below(self.source(), *self.train_files(parts["train"]).files)
        return names if self._kept is None else [names[place] for place in self._kept.tolist()]

    def source_state(self) -> str:
        """Return a hash of files (names and contents), classes, groups and splits."""
        return self.index.state

    def build(self) -> dict[str, Split]:
        """Say what was found and name the images of each split, which are read when they are written."""
        sys.stderr.write("".join(f"folder: {line}\n" for line in (str(self.index), *self.index.notes)))
        parts, lost = self._sound(self.index.splits) if self.skip_damaged else (self.index.splits, {})
        parts = {**parts, "train": self.train_files(parts["train"])}
        all_files = [path for files in parts.values() for path in files.files]
        hint = "" if self.skip_damaged else "; skip_damaged: true leaves damaged ones out"
        return {
            split: files.split(
                resized(self.size),
                {"damaged images": lost.get(split, 0)},
                beside=[] if split != "train" else all_files[len(files) :],
                hint=hint,
            )
            for split, files in parts.items()
        }

    def _sound(self, splits: Mapping[str, LabelledFiles]) -> tuple[dict[str, LabelledFiles], dict[str, int]]:
        """Return the splits without their damaged images, and how many of these each had; all are tried to be read.

        Raises:
            FileFormatError: Of a class none is left.
        """
        kept, lost = {}, {}
        for split, files in splits.items():
            damaged = {error.path for error in unreadable(files.files) if error.damaged}
            sound = [place for place, path in enumerate(files.files) if path not in damaged]
            kept[split] = files.subset(torch.tensor(sound, dtype=torch.int64))
            lost[split] = len(damaged)
            if damaged:
                named = shortened([repr(str(path)) for path in sorted(damaged)], 3)
                sys.stderr.write(f"folder: left out of {split}, {len(damaged):,} damaged: {named}\n")
            if split != "val":
                require_classes(kept[split], f"folder: without the damaged images {split}", self.class_names)
        return kept, lost


def _check_names(key: str, given: Any, kind: Any) -> None:
    """Refuse what is no name, as YAML makes it of some."""
    for name in [given] if given is None or isinstance(given, str | int | float) else given:
        if name is not None and (isinstance(name, bool) or not isinstance(name, kind)):
            raise ConfigError(f"folder: {key}={given!r}: {name!r} is no name: {ABOUT_YAML}")


def _from_home(path: str | None) -> str | None:
    """Return a path with the home folder as ``~``: it goes into files that others may read."""
    if path is not None and Path(path).is_relative_to(Path.home()):
        return str(Path("~", Path(path).relative_to(Path.home())))
    return path
