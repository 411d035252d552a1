"""UTKFace as FairDD uses it: aligned faces whose file names say age, gender and race (Zhang, Song, Qi, CVPR 2017).

There is no official split. FairDD takes 100 test images of every (class, group) cell and trains on the rest; here it is
at most half of the smallest cell, so that no training cell is emptied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.datasets.files import image_files, resized
from fdd_lightning.datasets.labelled import (
    BEYOND,
    LabelledFiles,
    balanced,
    draw_per_cell,
    product_names,
    product_values,
    require_filled,
    smallest_cell,
)
from fdd_lightning.datasets.split import Split
from fdd_lightning.errors import FileFormatError
from fdd_lightning.utils import rng

LICENCE = "UTKFace (Zhang, Song and Qi, CVPR 2017): non-commercial research only, photographs belong to their owners"

SIZE = 64
TEST_PER_CELL = 100

GENDERS = ("male", "female")
RACES = ("White", "Black", "Asian", "Indian")
OTHER_RACE = len(RACES)
"""The race label of all others, left out as in FairDD."""

NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d+\D")
"""How a file name begins: age, gender, race, date. The official archive has a few names that lack a field."""


def field_names(name: str, age_bins: Sequence[int]) -> tuple[str, ...]:
    """Name the values of ``age``, ``gender`` or ``race``.

    Args:
        name: The field.
        age_bins: First ages of the second and all later age classes, in years, increasing.
    """
    if name == "age":
        middle = (f"{low} to {high - 1}" for low, high in pairwise(age_bins))
        return (f"under {age_bins[0]}", *middle, f"{age_bins[-1]} and over")
    return GENDERS if name == "gender" else RACES


def parse_names(files: Sequence[Path]) -> tuple[list[Path], Tensor, int]:
    """Read age, gender and race off the file names.

    Args:
        files: Image files of UTKFace.

    Returns:
        The files whose names have all fields; their fields, int64, (N, 3); how many names have not.

    Raises:
        FileFormatError: Most names have not.
    """
    found = [(path, match) for path in files if (match := NAME.match(path.name))]
    malformed = len(files) - len(found)
    if malformed > len(found):
        known = {path for path, _ in found}
        first = next(path for path in files if path not in known)
        raise FileFormatError(
            f"utkface: {malformed} of {len(files)} file names, such as {str(first)!r}, do not say "
            "age_gender_race_date: take UTKFace's aligned and cropped faces with their own names"
        )
    fields = torch.tensor([[int(value) for value in match.groups()] for _, match in found])
    return [path for path, _ in found], fields, malformed


def utkface(
    folder: Path, target: str, group: Sequence[str], age_bins: Sequence[int], cut_train: bool, seed: int
) -> dict[str, Split]:
    """Build both splits, 3x64x64, in the order of the file names.

    Images of race 4 ("others") and those with malformed names are left out, and counted in the manifest.

    Args:
        folder: Folder of the images.
        target: What the classes are: ``age``, ``gender`` or ``race``.
        group: What the groups are: one or two of the other fields, as their product.
        age_bins: First ages of the second and all later age classes, in years, increasing.
        cut_train: Cut every training cell to the size of the smallest.
        seed: Seed of the draws.

    Returns:
        ``test`` with ``min(100, half of the smallest non-empty cell)`` images of each cell, ``train`` with the rest.

    Raises:
        FileFormatError: A class has no image, there is only one group, or a cell has a single image.
    """
    named, fields, malformed = parse_names(image_files(folder))
    known = fields[:, 2] != OTHER_RACE
    files = [path for path, keep in zip(named, known.tolist(), strict=True) if keep]
    age, gender, race = fields[known].T.contiguous()
    values = {"age": torch.bucketize(age, torch.tensor(age_bins), right=True), "gender": gender, "race": race}
    names = {name: field_names(name, age_bins) for name in values}
    groups = product_values([values[name] for name in group], [len(names[name]) for name in group])
    class_names, group_names = names[target], product_names([names[name] for name in group])
    faces = LabelledFiles(files, values[target], groups)

    where = f"utkface: {str(folder)!r}"
    require_filled(faces, where, class_names, group_names, other_bins(age, len(class_names)))
    count = min(TEST_PER_CELL, smallest_cell(faces) // 2)
    if count == 0:
        raise FileFormatError(
            f"{where} has a single image of some (class, group) cell, which leaves none to test on: choose other "
            "age_bins, or fewer fields as group"
        )
    drawn = draw_per_cell(faces.targets, faces.groups, count, rng.generator(seed, "utkface", "test", "draw"))
    rest = torch.ones(len(faces), dtype=torch.bool).index_fill(0, drawn, False).nonzero().flatten()
    train = whole = faces.subset(rest)
    if cut_train:
        train = balanced(whole, "utkface", class_names, group_names, rng.generator(seed, "utkface", "train", "cut"))
    left_out = {
        "file names without age_gender_race_date": malformed,
        "faces of race 4 (others)": len(named) - len(files),
        BEYOND: len(whole) - len(train),
    }
    return {"train": train.split(resized(SIZE), left_out), "test": faces.subset(drawn).split(resized(SIZE))}


def other_bins(ages: Tensor, count: int) -> str:
    """Say what to do about an empty class: which age bins would fill all classes of a set that lacks some ages.

    Args:
        ages: int64, (N,), in years.
        count: Number of classes.
    """
    if not len(ages):
        return "add images"
    places = (torch.arange(1, count) * len(ages)) // count
    edges = ages.sort().values[places].unique()
    edges = edges[edges > ages.min()].tolist()
    return f"choose other age_bins, such as {edges}" if edges else "choose other age_bins"
