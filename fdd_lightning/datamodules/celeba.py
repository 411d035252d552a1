"""CelebA: any of its 40 attributes as target, one or several others as groups (Liu, Luo, Wang, Tang, ICCV 2015).

The official layout, which torchvision shares, or the tables of its copy on Kaggle (``.csv``): a folder of images, a
table of attributes (1 or -1) and a table of the official split (0 training, 1 validation, 2 test).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from fdd_lightning.datamodules.natural_bias import NaturalBias
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.image_files import resized
from fdd_lightning.datasets.label_table import read_table
from fdd_lightning.datasets.labelled_files import (
    BEYOND,
    LabelledFiles,
    draw_per_cell,
    product_names,
    product_values,
    require_filled,
    smallest_cell,
)
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FileFormatError
from fdd_lightning.utils import files, rng
from fdd_lightning.utils.plain_text import plain

SIZE = 64

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba"
PARTITION = "list_eval_partition"
SPLITS = {"0": "train", "1": "validation", "2": "test"}


Row = tuple[int, str, list[str]]
"""The number of a table's row, its image, and the cells wanted."""


def attribute_values(name: str) -> tuple[str, str]:
    """Name the two values of an attribute, absent first: ``not wearing necktie``, ``wearing necktie``."""
    plain = name.replace("_", " ").lower()
    return f"not {plain}", plain


def table_file(folder: Path, name: str) -> Path:
    """Return the path of a table: ``.txt`` as published, or ``.csv`` where only that is there."""
    published, copy = folder / f"{name}.txt", folder / f"{name}.csv"
    return copy if copy.is_file() and not published.is_file() else published


def image_folder(folder: Path) -> Path:
    """Return the folder of the images; copies from Kaggle have it twice, one inside the other."""
    images = folder / IMAGES
    return images / IMAGES if (images / IMAGES).is_dir() else images


def require_celeba(folder: Path) -> None:
    """Check that the images' folder and both tables are there.

    Raises:
        DatasetNotFoundError: They are not; the line says what to put where.
    """
    tables = [table_file(folder, name) for name in (ATTRIBUTES, PARTITION)]
    lacking = [path.name for path in tables if not path.is_file()]
    lacking += [] if image_folder(folder).is_dir() else [f"{IMAGES}/"]
    if lacking:
        raise DatasetNotFoundError(
            f"celeba: {str(folder)!r} lacks {', '.join(lacking)}: put both published tables and the unpacked "
            f"{IMAGES}.zip there (linked at https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html), or set FDD_DATA or "
            "`root` to the folder that holds `celeba`"
        )


def require_attributes(path: Path, wanted: Sequence[str]) -> list[str]:
    """Read the names of the attributes, in the order of the table's columns, and check that these are among them.

    Raises:
        ConfigError: One is unknown; the line names those that read alike.
        FileFormatError: The table names no attributes.
    """
    header = _header(path)[1:]
    if not header:
        raise FileFormatError(f"celeba: {str(path)!r} names no attributes: put the published table there")
    lower = {name.lower(): name for name in header}
    for name in wanted:
        if name not in header:
            near = [lower[match] for match in get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
            meant = f"did you mean {' or '.join(near)}?" if near else "its header has the names"
            raise ConfigError(f"celeba: {str(path)!r} has no attribute {name!r}: {meant}")
    return header


def read_labels(folder: Path, wanted: Sequence[str]) -> dict[str, tuple[list[str], torch.Tensor]]:
    """Read the two tables of a folder.

    Returns:
        Per split (``train``, ``validation``, ``test``) the names of the images, and their attributes, 0 or 1, int64,
        (N, attributes wanted), in the tables' order.

    Raises:
        FileFormatError: A line cannot be read, or the tables do not list the same images.
    """
    attributes, partition = table_file(folder, ATTRIBUTES), table_file(folder, PARTITION)
    require_attributes(attributes, wanted)
    files: dict[str, list[str]] = {split: [] for split in SPLITS.values()}
    values: dict[str, list[list[bool]]] = {split: [] for split in SPLITS.values()}
    for here, there in zip_longest(_rows(attributes, wanted), _rows(partition, _header(partition)[1:2])):
        if here is None or there is None or here[1] != there[1]:
            raise FileFormatError(
                f"celeba: {str(partition)!r} does not list the images of {attributes.name}: {_place(there)} there, "
                f"{_place(here)} here; put both tables of one copy there"
            )
        number, _, (said,) = there
        split = SPLITS.get(said)
        if split is None:
            raise _unreadable(partition, number, f"split {said!r} is none of {', '.join(SPLITS)}")
        number, name, picked = here
        if not set(picked) <= {"1", "-1"}:
            raise _unreadable(attributes, number, f"{' '.join(picked)} for {', '.join(wanted)}: values are 1 and -1")
        files[split].append(name)
        values[split].append([value == "1" for value in picked])
    return {
        split: (files[split], torch.tensor(values[split], dtype=torch.int64).view(-1, len(wanted))) for split in files
    }


def _header(path: Path) -> list[str]:
    """Return the names of a table's columns, that of the images first (which published tables do not name)."""
    if path.suffix == ".csv":
        return list(read_table(path, ()).names)
    if path.stem == PARTITION:
        return ["image", "partition"]
    return ["image", *next((fields for _, fields in _lines(path) if len(fields) > 1), [])]


def _rows(path: Path, wanted: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a table."""
    header = _header(path)
    if path.suffix == ".csv":
        table = read_table(path, (header[0], *wanted))
        cells = [table.cells(name, "target") for name in wanted]
        for place, name in enumerate(table.cells(header[0], "image")):
            yield table.numbers[place], name, [column[place] for column in cells]
        return
    places = [header.index(name, 1) for name in wanted]
    for number, fields in _lines(path):
        # The published tables have at most two lines before the first image.
        if number <= 2 and "." not in fields[0]:
            continue
        if len(fields) != len(header):
            raise _unreadable(path, number, f"{len(fields)} fields, not {len(header)}")
        yield number, fields[0], [fields[place] for place in places]


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number the lines of a published table, as lists of fields; empty ones are skipped."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            if fields := line.split():
                yield number, fields


def _unreadable(path: Path, number: int, reason: str) -> FileFormatError:
    return FileFormatError(f"celeba: {str(path)!r}, line {number}: {reason}; put the published table there")


def _place(row: Row | None) -> str:
    """Say what stands in a row."""
    return "nothing more" if row is None else f"{row[1]!r} in line {row[0]}"


class CelebA(NaturalBias):
    """CelebA as in FairDD: 64x64 faces, attractive or not, gender as group; 162,770 training images.

    The test split is cut to its smallest (class, group) cell: 7,656 images, four times 1,914, with the attributes of
    the paper. The bias is the set's own; the official validation images are not used. The folder
    ``celeba`` of the data root is read.

    Args:
        target: Attribute that makes the two classes, as list_attr_celeba.txt names it.
        group: Protected attribute, or a list of several for their product, such as [Male, Wearing_Necktie].
        cut_test: Cut the test split to its smallest cell, as the paper does; false: all 19,962 test images, which
            serves attributes with rare combinations.

    Example:
        >>> CelebA(target="Smiling", group="Wearing_Hat").group_names
        ('not wearing hat', 'wearing hat')
    """

    name = "celeba"
    determines = ("target", "group", "balanced", "cut_test", "seed")
    image_shape = (3, SIZE, SIZE)
    mean = (0.5063, 0.4258, 0.3832)
    std = (0.2676, 0.2453, 0.2410)
    licence = (
        "CelebA (Liu, Luo, Wang and Tang, ICCV 2015): non-commercial research only, photographs belong to their owners"
    )

    def __init__(
        self,
        *,
        target: str = "Attractive",
        group: str | list[str] = "Male",
        cut_test: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = [group] if isinstance(group, str) else list(group)
        if not self.groups or len({target, *self.groups}) != 1 + len(self.groups):
            raise ConfigError(f"{self.name}: target={target} and group={group}: name different attributes")
        self.target = target
        self.group = self.groups[0] if len(self.groups) == 1 else self.groups
        self.cut_test = cut_test

    @property
    def class_names(self) -> tuple[str, ...]:
        """Without the target attribute, and with it."""
        return attribute_values(self.target)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Without the group attribute, and with it; all combinations of several."""
        return product_names([attribute_values(name) for name in self.groups])

    @property
    def folder(self) -> Path:
        """The folder of the tables and of the images' folder."""
        return self.source() / "celeba"

    def check_source(self) -> None:
        """Check that tables and images are there, and that the table has the attributes."""
        require_celeba(self.folder)
        require_attributes(table_file(self.folder, ATTRIBUTES), [self.target, *self.groups])

    def source_state(self) -> str:
        """Return a hash of the two tables: they name all images."""
        require_celeba(self.folder)
        return files.fingerprint([files.sha256_file(table_file(self.folder, name)) for name in (ATTRIBUTES, PARTITION)])

    def build(self) -> dict[str, Split]:
        """Build both splits: the official ones, centre cut out (178 of 178x218) and resized."""
        images, labels = image_folder(self.folder), read_labels(self.folder, [self.target, *self.groups])
        present = {plain(path.name): path for path in images.iterdir()}
        parts = {}
        for split in ("train", "test"):
            names, values = labels[split]
            absent = [name for name in names if plain(name) not in present]
            if absent:
                raise FileFormatError(
                    f"celeba: {len(absent)} images of {ATTRIBUTES} are not in {str(images)!r}, such as {absent[0]!r}: "
                    f"unpack {IMAGES}.zip again"
                )
            groups = product_values(list(values[:, 1:].T), [2] * len(self.groups))
            parts[split] = LabelledFiles([present[plain(name)] for name in names], values[:, 0].contiguous(), groups)
            where = f"celeba: {split} of {str(self.folder)!r}"
            require_filled(parts[split], where, self.class_names, self.group_names, "name another target")
        train, test = self.train_files(parts["train"]), parts["test"]
        if self.cut_test:
            draws = rng.generator(self.seed, "celeba", "test", "cut")
            test = test.subset(draw_per_cell(test.targets, test.groups, smallest_cell(test), draws))
        return {
            "train": train.split(resized(SIZE), {BEYOND: len(parts["train"]) - len(train)}, test.files),
            "test": test.split(resized(SIZE), {"test images beyond the smallest cell": len(parts["test"]) - len(test)}),
        }
