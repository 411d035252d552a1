"""Folder, a user's own images: class folders, or a table of files with class and protected attribute."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import ImageSet, Split
from fdd_lightning.datasets.folder import FolderIndex, build_folder, read_folder
from fdd_lightning.datasets.folder_files import Columns
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.utils import paths

LICENCE = "a folder of images of the user's own; no licence was stated"


class Folder(BaseDataModule):
    """Your own images: class folders, or a table (CSV, Parquet) with file, class, protected attributes and split.

    Class folders are ``PATH/<class>/*.jpg`` or ``PATH/{train,test}/<class>/*.jpg``. A table needs a row for each image
    that is to be used; without a column of classes it adds groups to class folders. Where neither folders nor table say
    which images are for the test, these are drawn: the same share of every (class, group) cell but for rounding, so the
    test set is as biased as the rest (accuracy is that of the mixture; the gaps between groups and the worst group do
    not depend on it). Without a column of groups, what needs no group labels works and fairness is not measured.

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
        balanced: Cut every (class, group) cell of the training split, by a seeded draw, to the size of the smallest.
        mean: Mean to normalise with, per channel, on the 0..1 scale; it is not measured, as it is asked for before any
            image is read.
        std: Standard deviation to normalise with, per channel, on the 0..1 scale.
        licence: A line about the images' licence, for the files made of them.
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the test, balance and validation cuts and of the order of training batches.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``folder``, instead of the data root, where there is no ``path``.
    """

    name = "folder"
    determines = (
        "path",
        "table",
        "image",
        "target",
        "group",
        "split",
        "classes",
        "size",
        "test_share",
        "balanced",
        "mean",
        "std",
        "seed",
    )
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
        balanced: bool = False,
        mean: tuple[float, float, float] = (0.5, 0.5, 0.5),
        std: tuple[float, float, float] = (0.5, 0.5, 0.5),
        licence: str = LICENCE,
        batch_size: int = 256,
        seed: int = 0,
        validation: float = 0.0,
        root: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed, None, validation, root)
        self.path = _from_home(path)
        self.table = _from_home(table)
        self.image = image
        self.target = target
        self.group = group
        self.split = split
        self.classes = None if classes is None else [str(name) for name in classes]
        self.size = size
        self.test_share = test_share
        self.balanced = balanced
        self.image_shape = (3, size, size)
        self.mean, self.std = tuple(mean), tuple(std)
        self.licence = " ".join(licence.split())
        self.reads_root = path is None
        self._columns = Columns(image, target, self._group_columns(group), split or None)
        self._looked: dict[Path, FolderIndex] = {}
        self._check()

    @staticmethod
    def _group_columns(group: list[str] | str | None) -> tuple[str, ...] | None:
        return ((group,) if isinstance(group, str) else tuple(group)) if group else None

    def _check(self) -> None:
        """Refuse what cannot mean anything."""
        if self.size < 1:
            raise ConfigError(f"folder: size={self.size}: a number of pixels, at least 1")
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
            found = read_folder(folder, self._table(folder), self._columns, self.classes, self.test_share, self.seed)
            if self.validation and "val" in found.splits:
                raise ConfigError(
                    f"folder: validation={self.validation:g} beside images of the split val: leave one of them out"
                )
            if self.balanced and len(found.group_names) < 2:
                raise ConfigError("folder: balanced=true needs groups, and there are none: name a column by `group`")
            self._looked[key] = found
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
            folder = Path(self.root or paths.data_root()) / self.name
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
        found = next((path for path in (folder / named, named) if path.is_file()), None)
        if found is None:
            raise DatasetNotFoundError(
                f"folder: table {self.table!r} is neither in {str(folder)!r} nor below the current folder: name a CSV "
                "or Parquet file"
            )
        return found

    def source_state(self) -> str:
        """Return a hash of files (names and sizes), classes, groups and splits."""
        return self.index.state

    def build(self) -> dict[str, Split]:
        """Build the splits (see :mod:`fdd_lightning.datasets.folder`) and say what was found."""
        sys.stderr.write(f"folder: {self.index}\n")
        return build_folder(self.index, self.size, self.balanced, self.seed)


def _from_home(path: str | None) -> str | None:
    """Return a path with the home folder as ``~``: it goes into files that others may read."""
    if path is not None and Path(path).is_relative_to(Path.home()):
        return str(Path("~", Path(path).relative_to(Path.home())))
    return path
