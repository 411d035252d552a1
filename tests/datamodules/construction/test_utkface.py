from __future__ import annotations

import re
from collections import Counter
from itertools import chain, pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from fdd_lightning.datamodules import UTKFace
from fdd_lightning.datamodules.utkface import field_names, other_bins, parse_names
from fdd_lightning.errors import FileFormatError
from tests.fakes_natural import AGES, cut_short, write_picture, write_utkface


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_utkface(tmp_path) / "UTKFace"


def build(folder: Path, *, target="age", group=("race",), age_bins=(20, 40), cut_train=False, seed=0):
    faces = UTKFace(seed=seed, target=target, group=list(group), age_bins=age_bins, balanced=cut_train)
    with patch.object(UTKFace, "folder", folder):
        return faces.build()


def literal(folder: Path, target: str, group: tuple[str, ...], age_bins: tuple[int, ...]) -> Counter:
    """Cell counts of the whole set, name by name."""
    genders, races = ("male", "female"), ("White", "Black", "Asian", "Indian")
    cells: Counter = Counter()
    for path in folder.iterdir():
        fields = path.name.split("_")
        if not re.fullmatch(r"\d+_[01]_[0123]_\d+\.jpg\.chip\.jpg", path.name):
            continue
        age = int(fields[0])
        names = {"gender": genders[int(fields[1])], "race": races[int(fields[2])]}
        names["age"] = next((f"under {b}" for b in age_bins if age < b), f"{age_bins[-1]} and over")
        for low, high in pairwise(age_bins):
            if low <= age < high:
                names["age"] = f"{low} to {high - 1}"
        cells[names[target], ", ".join(names[g] for g in group)] += 1
    return cells


@pytest.mark.parametrize(
    ("target", "group", "age_bins"),
    [
        ("age", ("race",), (20, 40)),
        ("age", ("gender",), (20, 30, 40)),
        ("gender", ("race",), (20, 40)),
        ("race", ("gender",), (20, 40)),
        ("race", ("age", "gender"), (40,)),
    ],
)
def test_cells_equal_a_reading_name_by_name(folder, target, group, age_bins):
    splits = build(folder, target=target, group=group, age_bins=age_bins)
    classes = field_names(target, age_bins)
    factors = [field_names(name, age_bins) for name in group]
    groups = [a if not factors[1:] else f"{a}, {b}" for a in factors[0] for b in (factors[1] if factors[1:] else [""])]
    found = {
        name: Counter((classes[t], groups[g]) for t, g in zip(split.targets, split.groups, strict=True))
        for name, split in splits.items()
    }
    whole = literal(folder, target, group, age_bins)
    assert found["train"] + found["test"] == whole
    assert set(found["test"].values()) == {min(whole.values()) // 2}
    assert set(found["train"]) == set(whole)  # no training cell is emptied


def test_at_most_a_hundred_test_images_of_a_cell(tmp_path, monkeypatch):
    for i in range(24):
        write_picture(tmp_path / f"3{i % 2}_{i // 2 % 2}_0_{i}.jpg")
    monkeypatch.setattr("fdd_lightning.datamodules.utkface.TEST_PER_CELL", 2)
    splits = build(tmp_path, group=("gender",), age_bins=(31,))
    assert torch.bincount(splits["test"].targets * 2 + splits["test"].groups).tolist() == [2] * 4
    assert torch.bincount(splits["train"].targets * 2 + splits["train"].groups).tolist() == [4] * 4


def test_no_image_is_in_both_splits(folder):
    splits = build(folder)
    images = {name: torch.cat(list(split.images)) for name, split in splits.items()}
    assert images["train"].shape[1:] == (3, 64, 64)
    keys = {name: {i.numpy().tobytes() for i in part} for name, part in images.items()}
    assert not keys["train"] & keys["test"]
    assert sum(map(len, keys.values())) == sum(map(sum, AGES.values()))


def test_the_seed_draws_the_test_images(folder):
    first, again, other = (torch.cat(list(build(folder, seed=seed)["test"].images)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_is_left_out_is_counted(folder):
    assert build(folder)["train"].left_out == {
        "file names without age_gender_race_date": 4,
        "faces of race 4 (others)": 6,
        "training images beyond the smallest cell": 0,
    }
    cut = build(folder, cut_train=True)["train"]
    assert torch.bincount(cut.targets * 4 + cut.groups).tolist() == [2] * 12
    assert cut.left_out["training images beyond the smallest cell"] == sum(map(sum, AGES.values())) - 2 * 24


def test_official_malformed_names():
    names = ["39_1_20170116174525125.jpg.chip.jpg", "1_0_0_20161219140623097.jpg.chip.jpg"]
    names += ["110_1_4_20170110155201038.jpg", "44_1_2_20170116235150272.pg.chip.jpg"]
    files, fields, malformed = parse_names([Path(name) for name in names])
    assert [path.name for path in files] == names[1:]
    assert fields.tolist() == [[1, 0, 0], [110, 1, 4], [44, 1, 2]]
    assert malformed == 1


def test_a_folder_of_other_names_is_one_line(tmp_path):
    write_picture(tmp_path / "20_0_0_1.jpg")
    for i in range(2):
        write_picture(tmp_path / f"cat{i}.jpg")
    with pytest.raises(FileFormatError, match=r"2 of 3 file names.*cat0\.jpg") as caught:
        build(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_empty_class_suggests_other_bins(folder):
    with pytest.raises(FileFormatError, match=r"'under 3'.*age_bins, such as \[(\d+), (\d+)\]") as caught:
        build(folder, age_bins=(3, 60))
    edges = [int(edge) for edge in re.findall(r"\d+", str(caught.value).partition("such as")[2])]
    assert len(set(build(folder, group=("gender",), age_bins=edges)["train"].targets.tolist())) == 3


def test_suggested_bins_fill_all_classes():
    ages = torch.tensor([18, 18, 18, 18, 30, 40, 41])
    assert other_bins(ages, 3) == "choose other age_bins, such as [30]"
    assert other_bins(torch.arange(20, 80), 3) == "choose other age_bins, such as [40, 60]"
    assert other_bins(ages[:4], 2) == "choose other age_bins"
    assert other_bins(ages[:0], 2) == "add images"


def test_a_single_image_leaves_none_to_test_on(tmp_path):
    for i, name in enumerate(("20_0_0", "20_1_0", "20_1_0", "50_0_0", "50_0_0", "50_1_0", "50_1_0")):
        write_picture(tmp_path / f"{name}_{i}.jpg")
    with pytest.raises(FileFormatError, match="single image"):
        build(tmp_path, group=("gender",), age_bins=(40,))


def test_a_single_group_is_one_line(tmp_path):
    for age in (20, 50):
        for i in range(4):
            write_picture(tmp_path / f"{age}_0_0_{i}.jpg")
    with pytest.raises(FileFormatError, match=r"one group only \('male'\)"):
        build(tmp_path, group=("gender",), age_bins=(40,))


def test_a_truncated_image_is_named(folder):
    torn = cut_short(sorted(folder.iterdir())[3])
    images = chain.from_iterable(split.images for split in build(folder).values())
    with pytest.raises(FileFormatError, match=re.escape(torn.name)):
        list(images)
