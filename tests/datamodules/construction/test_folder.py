"""A user's folder and table: what is found there, and what is refused."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image

from fdd_lightning.datamodules import Folder
from fdd_lightning.datasets.folder_files import Columns
from fdd_lightning.datasets.folder_index import FolderIndex, in_order, read_folder
from fdd_lightning.datasets.image_decoding import read_image
from fdd_lightning.errors import ConfigError, FDDError
from tests.fakes_folder import HEAD, write_class_folders, write_labelled, write_table
from tests.fakes_natural import cut_short, write_picture


@pytest.fixture
def folder(tmp_path):
    """Two classes of ten images."""
    write_class_folders(tmp_path / "photos")
    return tmp_path / "photos"


def read(folder, table=None, columns=None, classes=None, test_share=0.2, seed=0):
    return read_folder(folder, table and folder / table, columns or Columns(), classes, test_share, seed)


def build_folder(index: FolderIndex, size: int, cut_train: bool, seed: int):
    with patch.object(Folder, "index", index):
        return Folder(".", size=size, balanced=cut_train, seed=seed).build()


def refused(*args, **named):
    with pytest.raises(FDDError) as caught:
        read(*args, **named)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 380
    return line


def members(index, split):
    """The names of a split's files, each with the names of its class and group."""
    part = index.splits[split]
    return {
        file.name if file.parent.name == "flat" else f"{file.parent.name}/{file.name}": (
            index.class_names[target],
            index.group_names[group],
        )
        for file, target, group in zip(part.files, part.targets.tolist(), part.groups.tolist(), strict=True)
    }


# Forms.


def test_class_folders(folder):
    write_picture(folder / "dog" / "more" / "x.png")
    write_picture(folder / ".hidden" / "x.png")
    (folder / "dog" / "notes.txt").write_text("not an image")
    index = read(folder)
    assert (index.class_names, index.group_names, index.drawn) == (("cat", "dog"), ("all",), "drawn")
    both = members(index, "train") | members(index, "test")
    assert len(both) == 21
    assert all(name.startswith((target, "more")) for name, (target, _) in both.items())
    assert "21 images in 2 classes (cat, dog), no groups: 17 for training, 4 for the test (drawn)" in str(index)


@pytest.mark.parametrize(
    "names", [("train", "test"), ("Training", "testing"), ("train", "test", "val"), ("train", "test", "x")]
)
def test_split_folders(tmp_path, names):
    for name in names:
        write_class_folders(tmp_path / name, count=3)
    index = read(tmp_path)
    assert not index.drawn
    assert {split: len(files) for split, files in index.splits.items()} == dict.fromkeys(
        ["train", *(["val"] if "val" in names else []), "test"], 6
    )
    assert {path.parts[-3].lower()[:5] for path in index.splits["train"].files} == {"train"}


def test_a_class_called_train(tmp_path):
    write_class_folders(tmp_path, classes=("bus", "train"))
    assert read(tmp_path).class_names == ("bus", "train")


def test_split_folders_may_be_drawn_anew(tmp_path):
    for name in ("train", "test"):
        write_class_folders(tmp_path / name)
    index = read(tmp_path, columns=Columns(split=None))
    assert index.drawn
    assert (len(index.splits["train"]), len(index.splits["test"])) == (32, 8)


def test_a_table_alone(tmp_path):
    folder = tmp_path / "flat"
    rows = [(f"{i}.png", i % 3, "ab"[i % 2], i, ("train", "test")[i > 8]) for i in range(12)]
    for row in rows:
        write_picture(folder / row[0])
    write_picture(folder / "unused.png")
    write_table(folder / "t.csv", rows, (*HEAD, "age", "split"))
    index = read(folder, "t.csv")
    assert (index.class_names, index.group_names) == (("0", "1", "2"), ("a", "b"))
    for split, part in (("train", rows[:9]), ("test", rows[9:])):
        assert members(index, split) == {row[0]: (str(row[1]), row[2]) for row in part}
    assert not index.drawn


def test_columns_by_name_and_products(folder):
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))]
    rows = [
        (name, name[:3], ("10", "9")[i % 2], "xy"[i % 5 == 0], "train" if i % 4 else "TEST ")
        for i, name in enumerate(names)
    ]
    write_table(folder / "t.csv", rows, ("file", "animal", "age", "place", "part"))
    columns = Columns("file", "animal", ("age", "place"), "part")
    index = read(folder, "t.csv", columns)
    assert index.group_names == ("age=9, place=x", "age=9, place=y", "age=10, place=x", "age=10, place=y")
    told = {row[0]: (row[1], f"age={row[2]}, place={row[3]}") for row in rows}
    assert members(index, "train") | members(index, "test") == told
    assert len(index.splits["test"]) == 5
    write_table(
        folder / "t.csv", [(*row[:3], row[2], row[4]) for row in rows], ("file", "animal", "age", "place", "part")
    )
    assert read(folder, "t.csv", columns).group_names == ("age=9, place=9", "age=10, place=10")  # those that there are


@pytest.mark.parametrize("key", ["path", "name", "absolute"])
def test_class_folders_with_attributes(tmp_path, key):
    names = [f"{c}/{c}{i}.png" for c in ("cat", "dog") for i in range(6)]
    for name in names:
        write_picture(tmp_path / name)
    said = {"path": "{}".format, "name": lambda n: Path(n).name, "absolute": lambda n: str(tmp_path / n)}[key]
    write_table(tmp_path / "t.csv", [(said(n), "ab"[i % 2]) for i, n in enumerate(names)], ("image", "group"))
    index = read(tmp_path, "t.csv")
    assert index.class_names == ("cat", "dog")
    both = members(index, "train") | members(index, "test")
    assert both == {n: (n[:3], "ab"[i % 2]) for i, n in enumerate(names)}


def test_attributes_may_say_the_split_where_folders_do_not(folder):
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))]
    write_table(folder / "t.csv", [(n, "test" if "/3" in n else "train") for n in names], ("image", "split"))
    assert set(members(read(folder, "t.csv"), "test")) == {"cat/3.png", "dog/3.png"}


def test_columns_that_are_not_there_and_those_not_wanted(folder):
    write_labelled(folder)
    assert read(folder, "labels.csv").group_names == ("day", "night")
    assert read(folder, "labels.csv", Columns(group=None)).group_names == ("all",)


def test_numbers_are_sorted_as_numbers():
    assert in_order(["10", "9", "-1", "9"]) == ["-1", "9", "10"]
    assert in_order(["10", "9", "x"]) == ["10", "9", "x"]


def test_classes_in_an_order_of_ones_own(folder):
    assert read(folder, classes=["dog", "cat"]).class_names == ("dog", "cat")


# Splits.


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_the_draw_takes_the_same_share_of_every_cell(tmp_path, share):
    rows = []
    for i in range(200):
        target, group = ("cat", "day" if i % 10 else "night") if i % 2 else ("dog", "night" if i % 7 else "day")
        rows.append((write_picture(tmp_path / f"{i:03}.png", (2, 2)).name, target, group))
    write_table(tmp_path / "t.csv", rows)
    index = read(tmp_path, "t.csv", test_share=share, seed=3)
    cells: dict[tuple[str, str], list[int]] = {}
    for split in ("train", "test"):
        for _, (target, group) in members(index, split).items():
            cells.setdefault((target, group), [0, 0])[split == "test"] += 1
    for train, test in cells.values():
        assert abs(test - share * (train + test)) <= 1
        assert train > 0
    again, other = (read(tmp_path, "t.csv", test_share=share, seed=seed) for seed in (3, 4))
    assert members(again, "test") == members(index, "test")
    assert members(other, "test") != members(index, "test")
    assert again.state == other.state == index.state


def test_the_order_of_the_rows_does_not_matter(folder):
    table = write_labelled(folder)
    index = read(folder, "labels.csv")
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([head, *reversed(rows)]))
    again = read(folder, "labels.csv")
    assert again.state == index.state
    assert again.splits["train"].files == index.splits["train"].files
    assert torch.equal(again.splits["train"].groups, index.splits["train"].groups)


def test_no_cell_of_the_training_split_is_emptied(tmp_path):
    rows = [(write_picture(tmp_path / f"{i}.png", (2, 2)).name, "ab"[i % 2], "xy"[i in (2, 3)]) for i in range(40)]
    write_table(tmp_path / "t.csv", rows)
    for seed in range(5):
        train = read(tmp_path, "t.csv", test_share=0.9, seed=seed).splits["train"]
        assert len(set(zip(train.targets.tolist(), train.groups.tolist(), strict=True))) == 4


def test_the_state_knows_what_matters(folder):
    table = write_labelled(folder)
    first = read(folder, "labels.csv").state
    text = table.read_text()
    table.write_text(
        text.replace("image,target,group", "image,target,group,note")
        .replace("day\n", "day,x\n")
        .replace("night\n", "night,\n")
    )
    assert read(folder, "labels.csv").state == first  # a column that nobody asked for
    table.write_text(text.replace("cat/3.png,cat,day", "cat/3.png,cat,night"))
    assert read(folder, "labels.csv").state != first
    table.write_text(text)
    write_picture(folder / "cat" / "3.png", (30, 30))
    assert read(folder, "labels.csv").state != first
    plain = read(folder).state
    write_picture(folder / "cat" / "new.png")
    assert read(folder).state != plain


# Images.


def test_images_are_turned_cut_and_resized(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = (200, 0, 0)  # after turning by 90 degrees clockwise the left half is on top
    image = Image.fromarray(pixels)
    turned = image.getexif()
    turned[0x0112] = 6
    write_class_folders(tmp_path, classes=("a", "b"), count=2)
    image.save(tmp_path / "a" / "0.png", exif=turned)
    Image.new("L", (8, 8), 7).save(tmp_path / "a" / "1.png")
    splits = build_folder(read(tmp_path, test_share=0.5), 4, cut_train=False, seed=0)
    assert set(splits) == {"train", "test"}
    chunks = [chunk for split in splits.values() for chunk in split.images]
    assert all(chunk.dtype == torch.uint8 and chunk.shape[1:] == (3, 4, 4) for chunk in chunks)
    index = read(tmp_path, test_share=0.5)
    files = [file for split in ("train", "test") for file in index.splits[split].files]
    images = dict(zip((f"{file.parent.name}/{file.name}" for file in files), torch.cat(chunks), strict=True))
    assert images["a/0.png"][0, ::3].tolist() == [[200] * 4, [0] * 4]
    assert images["a/0.png"][1:].max() == 0
    assert images["a/1.png"].unique().tolist() == [7]


def test_an_unreadable_image_is_named(folder):
    cut_short(folder / "dog" / "4.png")
    splits = build_folder(read(folder, test_share=0.1), 4, cut_train=False, seed=0)
    images = (chunk for split in splits.values() for chunk in split.images)
    with pytest.raises(FDDError, match=r"dog/4\.png.*cut short"):
        list(images)


def test_images_of_more_than_eight_bits_are_refused(tmp_path):
    """As RGB they would be white nearly everywhere."""
    Image.fromarray(np.full((4, 4), 3000, np.uint16)).save(tmp_path / "x.png")
    with pytest.raises(FDDError, match=r"x\.png.*8 bits"):
        read_image(tmp_path / "x.png")


def test_balanced_cells_are_as_large_as_the_smallest(folder):
    write_labelled(folder)
    index = read(folder, "labels.csv")
    smallest = int(torch.bincount(index.splits["train"].targets * 2 + index.splits["train"].groups).min())
    split = build_folder(index, 4, cut_train=True, seed=1)["train"]
    assert torch.bincount(split.targets * 2 + split.groups).tolist() == [smallest] * 4
    test = build_folder(index, 4, cut_train=True, seed=1)["test"]
    assert torch.equal(test.targets, index.splits["test"].targets)


# Mistakes.


def test_no_folder_and_no_images(tmp_path):
    assert "does not exist" in refused(tmp_path / "nowhere")
    assert "has no class folders" in refused(tmp_path)
    (tmp_path / "labels.csv").write_text("image,target\n")
    assert "there is labels.csv" in refused(tmp_path)
    write_picture(tmp_path / "cat" / "x.png")
    assert "one class ('cat')" in refused(tmp_path)
    (tmp_path / "dog").mkdir()
    assert "dog' holds no image" in refused(tmp_path)


def test_split_folders_that_lack_something(tmp_path):
    write_class_folders(tmp_path / "train")
    assert "no image is in the split 'test'" in refused(tmp_path)
    write_class_folders(tmp_path / "test", classes=("cat", "cow"))
    assert "class 'cow' has no training image" in refused(tmp_path)
    write_class_folders(tmp_path / "train", classes=("cow",))
    assert "class 'dog' has no test image" in refused(tmp_path)


def test_too_few_images_for_a_draw(tmp_path):
    write_class_folders(tmp_path, count=1)
    line = refused(tmp_path)
    assert "class 'cat' has 1 image," in line
    assert "test_share=0.2" in line
    assert "raise it" in line


TWO = "image,target,group\ncat/0.png,cat,day\ndog/0.png,dog,night\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,target,group\ncat/0.png,cat,day\ncat/99.png,cat,night\n", ["row 3: no file 'cat/99.png'"]),
        ("image,target\nCAT/0.png,cat\nx.png,dog\n", ["row 2: no file 'CAT/0.png'", "1 other row"]),
        ("image,target\ncat/0,cat\n", ["row 2: no file 'cat/0'", "did you mean '0.png'?"]),
        ("image,target\ncat/0.JPG,cat\n", ["did you mean '0.png'?"]),
        ("image,target\ncat,cat\n", ["row 2: no file 'cat'"]),
        (TWO + "./cat/0.png,cat,day\n", ["row 4: './cat/0.png' stands in row 2 too"]),
        ("file,target\ncat/0.png,cat\n", ["no column 'image'", "`image`", "(file, target)"]),
        (TWO.replace("night", ""), ["row 3: column 'group' is empty"]),
        (TWO.replace("dog,", "NaN,"), ["row 3: column 'target' is NaN"]),
        (TWO.replace("night", "day"), ["group column 'group' has one value ('day')", "group: null"]),
        (TWO.replace("dog,", "cat,"), ["of one class ('cat')"]),
        (
            "image,target,split\ncat/0.png,cat,train\ndog/0.png,dog,fold1\n",
            ["row 3: split='fold1' is no split", "split: null"],
        ),
        ("image,target,split\ncat/0.png,cat,train\ndog/0.png,dog,train\n", ["no image is in the split 'test'"]),
        ("image,target,split\ncat/0.png,cat,train\ndog/0.png,dog,test\n", ["class 'dog' has no training image"]),
        (
            "image,target,split\ncat/0.png,cat,train\ndog/0.png,dog,train\ndog/1.png,dog,test\n",
            ["'cat' has no test image"],
        ),
        ("image,group\ncat/0.png,a\ndog/0.png,b\n", ["no row for 18 of 20 images, such as 'cat/1.png'", "no row"]),
        ("image,group\ncat/99.png,a\n", ["row 2: no image 'cat/99.png' in the class folders"]),
        ("image,group\n0.png,a\n", ["row 2: there are 2 images '0.png'", "'cat/0.png'"]),
        ("image,group\ncat/0.png,a\ncat/0.png,b\n", ["row 3: 'cat/0.png' stands in row 2 too"]),
        ("", ["is empty"]),
    ],
)
def test_mistakes_in_a_table(folder, text, told):
    (folder / "t.csv").write_text(text)
    line = refused(folder, "t.csv")
    assert [part for part in told if part not in line] == []
    assert "t.csv" in line or "folder: " in line


def test_columns_that_have_to_be_there(folder):
    write_labelled(folder)
    for columns, told in (
        (Columns(group=("grup",)), "did you mean 'group'?"),
        (Columns(target="label"), "no column 'label'"),
        (Columns(split="part"), "no column 'part'"),
        (Columns(group=("group", "age")), "no column 'age'"),
    ):
        assert told in refused(folder, "labels.csv", columns)
        assert "name the table by `table` (there is labels.csv)" in refused(folder, columns=columns)


def test_classes_that_are_not_wanted_or_not_there(folder):
    write_labelled(folder)
    assert "class 'dog' is not among `classes` (cat, Dog) (did you mean 'Dog'?)" in refused(
        folder, classes=["cat", "Dog"]
    )
    assert "labels.csv, row 12: class 'dog'" in refused(folder, "labels.csv", classes=["cat", "cow"])
    assert "class 'cow' of `classes` has no image" in refused(folder, classes=["cat", "cow", "dog"])


def test_a_cell_that_cannot_be_balanced(folder):
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))]
    write_table(folder / "t.csv", [(n, n[:3], "ab"[n[0] == "c"]) for n in names])
    with pytest.raises(ConfigError, match="balanced=true needs images in every cell"):
        build_folder(read(folder, "t.csv"), 4, cut_train=True, seed=0)
