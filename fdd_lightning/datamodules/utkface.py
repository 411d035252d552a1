"""UTKFace as FairDD uses it: aligned faces whose file names say age, gender and race (Zhang, Song, Qi, CVPR 2017).

There is no official split. FairDD takes 100 test images of every (class, group) cell and trains on the rest; here it is
at most half of the smallest cell, so that no training cell is emptied.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from fdd_lightning.datamodules.natural_bias import NaturalBias
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.assignment import all_but
from fdd_lightning.datasets.copies import equal_files
from fdd_lightning.datasets.image_files import image_files, listing, resized, told_left_out
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
from fdd_lightning.utils import rng

SIZE = 64
TEST_PER_CELL = 100

GENDERS = ("male", "female")
RACES = ("White", "Black", "Asian", "Indian")
OTHER_RACE = len(RACES)
"""The race label of all others, left out as in FairDD."""

NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d+\D")
"""How a file name begins: age, gender, race, date. The official archive has a few names that lack a field."""


def field_names(name: str, age_bins: Sequence[int]) -> tuple[str, ...]:
    """Name the values of a field, ``age``, ``gender`` or ``race``; age bins are those of :class:`UTKFace`."""
    if name == "age":
        middle = (f"{low} to {high - 1}" for low, high in pairwise(age_bins))
        return (f"under {age_bins[0]}", *middle, f"{age_bins[-1]} and over")
    return GENDERS if name == "gender" else RACES


def parse_names(files: Sequence[Path]) -> tuple[list[Path], Tensor, int]:
    """Read age, gender and race off the file names.

    Returns:
        The files whose names have all fields; their fields, int64, (N, 3); how many names have not.

    Raises:
        FileFormatError: Most names have not.
    """
    named = [(path, match) for path in files if (match := NAME.match(path.name))]
    malformed = len(files) - len(named)
    if malformed > len(named):
        first = next(path for path in files if not NAME.match(path.name))
        raise FileFormatError(
            f"utkface: {malformed} of {len(files)} file names, such as {str(first)!r}, do not say "
            "age_gender_race_date: take UTKFace's aligned and cropped faces with their own names"
        )
    fields = torch.tensor([[int(value) for value in match.groups()] for _, match in named])
    return [path for path, _ in named], fields, malformed


def other_bins(ages: Tensor, count: int) -> str:
    """Say what to do about an empty class: which bins would fill ``count`` classes by ages, int64 (N,), in years."""
    if not len(ages):
        return "add images"
    places = (torch.arange(1, count) * len(ages)) // count
    edges = ages.sort().values[places].unique()
    edges = edges[edges > ages.min()].tolist()
    return f"choose other age_bins, such as {edges}" if edges else "choose other age_bins"


Field = Literal["age", "gender", "race"]
FIELDS = ("age", "gender", "race")


class UTKFace(NaturalBias):
    """UTKFace as in FairDD: 64x64 faces, three age classes, race (four values, "others" left out) as group.

    The test split has equally many images of every (class, group) cell: 100, or half of the smallest cell; the rest is
    for training (1,200 and 20,813 of the official faces). The bias is the set's own. The
    folder ``UTKFace`` of the data root is read.

    Args:
        target: What the classes are: age, gender or race.
        group: The protected attribute: another of these, or a list of two for their product.
        age_bins: First ages of the second and all later age classes, in years: [20, 40] makes under 20, 20 to 39, 40
            and over.

    Example:
        >>> UTKFace(age_bins=[30]).class_names
        ('under 30', '30 and over')
    """

    name = "utkface"
    determines = ("target", "group", "age_bins", "balanced", "seed")
    image_shape = (3, SIZE, SIZE)
    mean = (0.61359, 0.47225, 0.40703)
    std = (0.25493, 0.23054, 0.22835)
    licence = (
        "UTKFace (Zhang, Song and Qi, CVPR 2017): non-commercial research only, photographs belong to their owners"
    )

    def __init__(
        self,
        *,
        target: Field = "age",
        group: Field | list[Field] = "race",
        age_bins: Sequence[int] = (20, 40),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = [group] if isinstance(group, str) else list(group)
        self.age_bins = list(age_bins)
        strange = {target, *self.groups} - set(FIELDS)
        if strange or not self.groups or len({target, *self.groups}) != 1 + len(self.groups):
            raise ConfigError(
                f"{self.name}: target={target} and group={group}: a group is one or two of "
                f"{', '.join(FIELDS)} that are not the target"
            )
        self.target = target
        self.group = self.groups[0] if len(self.groups) == 1 else self.groups
        if not age_bins or age_bins[0] < 1 or any(low >= high for low, high in pairwise(age_bins)):
            raise ConfigError(
                f"{self.name}: age_bins={self.age_bins}: first ages of classes, increasing, as in [20, 40]"
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The age classes, genders or races."""
        return field_names(self.target, self.age_bins)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The values of the group, or of the product of groups."""
        return product_names([field_names(name, self.age_bins) for name in self.groups])

    @property
    def folder(self) -> Path:
        """The folder of the images."""
        return self.source() / "UTKFace"

    def check_source(self) -> None:
        """Check that the folder of images is there."""
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            raise DatasetNotFoundError(
                f"utkface: no images in {str(self.folder)!r}: unpack UTKFace.tar.gz (aligned and cropped faces, linked "
                f"at https://susanqq.github.io/UTKFace) in {str(self.folder.parent)!r}, or set FDD_DATA or `root` "
                "to the folder that holds `UTKFace`"
            )

    def source_state(self) -> str:
        """Return a hash of the images' names and contents."""
        self.check_source()
        return listing(self.folder, image_files(self.folder))

    def build(self) -> dict[str, Split]:
        """Build both splits, in the order of the file names; of copies of a face the first is taken."""
        others: Counter[str] = Counter()
        found = image_files(self.folder, others)
        first = equal_files(found).unique().tolist()
        copies = len(found) - len(first)
        named, fields, malformed = parse_names([found[place] for place in first])
        told = [f"{copies:,} of {len(found):,} images left out, copies of others (equal files)"] if copies else []
        sys.stderr.write("".join(f"utkface: {line}\n" for line in [*told_left_out(others), *told]))
        known = fields[:, 2] != OTHER_RACE
        files = [path for path, keep in zip(named, known.tolist(), strict=True) if keep]
        age, gender, race = fields[known].T.contiguous()
        values = {"age": torch.bucketize(age, torch.tensor(self.age_bins), right=True), "gender": gender, "race": race}
        sizes = [len(field_names(name, self.age_bins)) for name in self.groups]
        groups = product_values([values[name] for name in self.groups], sizes)
        faces = LabelledFiles(files, values[self.target], groups)

        where = f"utkface: {str(self.folder)!r}"
        require_filled(faces, where, self.class_names, self.group_names, other_bins(age, self.num_classes))
        count = min(TEST_PER_CELL, smallest_cell(faces) // 2)
        if count == 0:
            raise FileFormatError(
                f"{where} has a single image of some (class, group) cell, which leaves none to test on: choose other "
                "age_bins, or fewer fields as group"
            )
        draws = rng.generator(self.seed, "utkface", "test", "draw")
        test = draw_per_cell(faces.targets, faces.groups, count, draws)
        whole = faces.subset(all_but(test, len(faces)))
        train = self.train_files(whole)
        left_out = {
            "file names without age_gender_race_date": malformed,
            "faces of race 4 (others)": len(named) - len(files),
            BEYOND: len(whole) - len(train),
            **({"copies of others": copies} if copies else {}),
        }
        tested = faces.subset(test)
        return {"train": train.split(resized(SIZE), left_out, tested.files), "test": tested.split(resized(SIZE))}
