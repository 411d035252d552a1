from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fdd_lightning.datamodules import CelebA
from fdd_lightning.datamodules.celeba import SIZE, attribute_values, require_attributes, require_celeba
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FileFormatError
from tests.fakes_natural import ATTRIBUTES, celeba_rows, cut_short, write_celeba


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_celeba(tmp_path) / "celeba"


def build(folder, *, target="Attractive", group=("Male",), cut_train=False, cut_test=True, seed=0):
    root = str(folder.parent)
    how = {"balanced": cut_train, "cut_test": cut_test, "seed": seed}
    return CelebA(target=target, group=list(group), root=root, **how).build()


def literal(split: int, target: str, group: tuple[str, ...]) -> Counter:
    """Cell counts of a whole split, row by row."""
    cells: Counter = Counter()
    for _, values, where in celeba_rows():
        if where == split:
            present = dict(zip(ATTRIBUTES, values, strict=True))
            number = 0
            for name in group:
                number = 2 * number + (present[name] == 1)
            cells[int(present[target] == 1), number] += 1
    return cells


def counted(split) -> Counter:
    return Counter(zip(split.targets.tolist(), split.groups.tolist(), strict=True))


@pytest.mark.parametrize("kaggle", [False, True])
@pytest.mark.parametrize(
    ("target", "group"),
    [("Attractive", ("Male",)), ("Young", ("Male", "Wearing_Necktie")), ("5_o_Clock_Shadow", ("Young",))],
)
def test_cells_equal_a_reading_row_by_row(tmp_path, target, group, kaggle):
    splits = build(write_celeba(tmp_path, kaggle) / "celeba", target=target, group=group)
    assert counted(splits["train"]) == literal(0, target, group)
    whole = literal(2, target, group)
    smallest = min(whole.values())
    assert counted(splits["test"]) == dict.fromkeys(whole, smallest)
    assert splits["test"].left_out == {
        "test images beyond the smallest cell": sum(whole.values()) - smallest * len(whole)
    }


def test_the_whole_test_split(folder):
    assert counted(build(folder, cut_test=False)["test"]) == literal(2, "Attractive", ("Male",))


def test_balanced_training(folder):
    whole = literal(0, "Attractive", ("Male",))
    train = build(folder, cut_train=True)["train"]
    assert counted(train) == dict.fromkeys(whole, min(whole.values()))
    assert train.left_out == {"training images beyond the smallest cell": sum(whole.values()) - 4 * min(whole.values())}


def test_images_are_the_centre_resized(folder):
    (images,) = build(folder)["train"].images
    assert len(images) == 90
    for name, place in (("000001.jpg", 0), ("000090.jpg", 89)):
        with Image.open(folder / "img_align_celeba" / name) as picture:
            assert picture.size == (18, 22)
            expected = picture.crop((0, 2, 18, 20)).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(expected)).permute(2, 0, 1)
        assert torch.equal(images[place], pixels)


def test_the_seed_cuts_the_test(folder):
    first, again, other = (torch.cat(list(build(folder, seed=seed)["test"].images)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_names_say_which_value_comes_first():
    assert attribute_values("Attractive") == ("not attractive", "attractive")
    assert attribute_values("Wearing_Necktie") == ("not wearing necktie", "wearing necktie")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("male", "Male"), ("Necktie", "Wearing_Necktie"), ("5_oclock_shadow", "5_o_Clock_Shadow"), ("xyz", "header")],
)
def test_an_unknown_attribute_is_one_line_with_those_that_read_alike(folder, name, meant):
    with pytest.raises(ConfigError, match=rf"list_attr_celeba\.txt.*{name!r}.*{meant}") as caught:
        require_attributes(folder / "list_attr_celeba.txt", ["Male", name])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lacking", ["list_attr_celeba.txt", "list_eval_partition.txt", "img_align_celeba/"])
def test_what_is_missing_is_named(folder, lacking):
    require_celeba(folder)
    (folder / lacking).rename(folder / "elsewhere")
    with pytest.raises(DatasetNotFoundError, match=f"lacks {lacking}: ") as caught:
        require_celeba(folder)
    assert len(str(caught.value)) < 400


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / f"{name}.txt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("list_eval_partition", "000003.jpg 0\n", "", r"'000004.jpg' in line 3 there, '000003.jpg' in line 5 here"),
        ("list_eval_partition", "000144.jpg 2\n", "", "nothing more there, '000144.jpg' in line 146 here"),
        ("list_attr_celeba", "000003.jpg", "000333.jpg", "'000003.jpg' in line 3 there, '000333.jpg' in line 5 here"),
        ("list_eval_partition", "000003.jpg 0", "000003.jpg 7", "list_eval_partition.txt', line 3: split '7'"),
        ("list_eval_partition", "000003.jpg 0", "000003.jpg", "list_eval_partition.txt', line 3: 1 fields, not 2"),
        ("list_attr_celeba", "000001.jpg -1", "000001.jpg", "list_attr_celeba.txt', line 3: 5 fields, not 6"),
    ],
)
def test_tables_that_cannot_be_read_are_one_line(folder, name, old, new, words):
    edit(folder, name, old, new)
    with pytest.raises(FileFormatError, match=words) as caught:
        build(folder)
    assert "\n" not in str(caught.value)


def test_a_value_outside_the_range_is_named(folder):
    path = folder / "list_attr_celeba.txt"
    lines = path.read_text().splitlines()
    lines[6] = "000005.jpg 1 1 3 1 1"
    path.write_text("\n".join(lines))
    with pytest.raises(FileFormatError, match=r"list_attr_celeba\.txt', line 7: 1 3 for Attractive, Male"):
        build(folder)


@pytest.mark.parametrize("text", ["", "144\n"])
def test_an_empty_table_is_one_line(folder, text):
    (folder / "list_attr_celeba.txt").write_text(text)
    with pytest.raises(FileFormatError, match="names no attributes"):
        build(folder)


def test_an_attribute_that_nobody_has_is_one_line(folder):
    path = folder / "list_attr_celeba.txt"
    lines = [" ".join([*line.split()[:-1], "-1"]) if ".jpg" in line else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    with pytest.raises(FileFormatError, match="no image of the class 'young'"):
        build(folder, target="Young")
    with pytest.raises(FileFormatError, match=r"one group only \('not young'\)"):
        build(folder, group=("Young",))


def test_missing_and_truncated_images_are_named(folder):
    torn = cut_short(folder / "img_align_celeba" / "000017.jpg")
    images = chain.from_iterable(split.images for split in build(folder).values())
    with pytest.raises(FileFormatError, match=re.escape(torn.name)):
        list(images)
    torn.unlink()
    with pytest.raises(FileFormatError, match=r"1 images of .* are not in .*000017\.jpg"):
        build(folder)


# Tables as copies have them.


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: "\ufeff" + text.replace("\n", "\r\n"),
        lambda text: text.replace(",", ";"),
        lambda text: "sep=;\n\n" + text.replace(",", ";"),
        lambda text: text.replace(",", ", "),
        lambda text: text.replace(",", "\t"),
        lambda text: "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()),
        lambda text: "\n".join(f"{i if i else ''},{line}" for i, line in enumerate(text.splitlines())),
        lambda text: text.replace("\n", "\n\n"),
    ],
    ids=["plain", "windows", "semicolons", "excel", "spaces", "tabs", "quotes", "pandas", "gaps"],
)
def test_copies_are_read_as_tolerantly_as_own_tables(tmp_path, change):
    folder = write_celeba(tmp_path, kaggle=True) / "celeba"
    for name in ("list_attr_celeba.csv", "list_eval_partition.csv"):
        path = folder / name
        path.write_bytes(change(path.read_text()).encode())
    splits = build(folder)
    assert counted(splits["train"]) == literal(0, "Attractive", ("Male",))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("list_eval_partition", "000003.jpg,0\n", "", r"'000004.jpg' in line 4 there, '000003.jpg' in line 4 here"),
        ("list_eval_partition", "000003.jpg,0", "000003.jpg,7", "list_eval_partition.csv', line 4: split '7'"),
        ("list_eval_partition", "000003.jpg,0", "000003.jpg", "list_eval_partition.csv, row 4 has 1 cells, its head 2"),
        ("list_eval_partition", "000003.jpg,0", "000003.jpg,", "list_eval_partition.csv, row 4: column 'partition' is"),
    ],
)
def test_copies_that_cannot_be_read_are_one_line(tmp_path, name, old, new, words):
    folder = write_celeba(tmp_path, kaggle=True) / "celeba"
    path = folder / f"{name}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(FileFormatError, match=words) as caught:
        build(folder)
    assert "\n" not in str(caught.value)


def test_an_unknown_attribute_of_a_copy(tmp_path):
    folder = write_celeba(tmp_path, kaggle=True) / "celeba"
    with pytest.raises(ConfigError, match=r"list_attr_celeba\.csv.*'male'.*did you mean Male"):
        require_attributes(folder / "list_attr_celeba.csv", ["male"])
