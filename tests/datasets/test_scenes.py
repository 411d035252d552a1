from __future__ import annotations

import shutil
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fdd_lightning.datamodules.bg_fmnist import SCENES
from fdd_lightning.datasets.scenes import find_scenes, read_scenes, scene_names, scenes_folder, scenes_state, some_names
from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError
from tests.fakes_scenes import write_flat_scenes, write_miniplaces, write_picture, write_scenes

TWO = ("track_outdoor", "cockpit")


@pytest.mark.parametrize("where", ["", "data"])
def test_miniplaces_gives_what_class_folders_give(tmp_path, where):
    folders = find_scenes(write_scenes(tmp_path / "scenes"), SCENES, 0)
    write_miniplaces(tmp_path / "miniplaces" / where)
    listed = find_scenes(tmp_path / "miniplaces", SCENES, 0)
    for split, count in (("train", 4), ("test", 2)):
        one, other = (read_scenes(found[split], 32) for found in (folders, listed))
        assert [len(bank) for bank in one] == [count] * 10
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert all("bakery" not in str(path) for files in listed["train"] for path in files)
    assert {path.parent.name for files in listed["test"] for path in files} == {"val"}


def test_miniplaces_without_a_folder_of_images(tmp_path):
    """As its README shows the layout: `train` and `val` beside the lists."""
    write_miniplaces(tmp_path)
    for split in ("train", "val"):
        (tmp_path / "images" / split).rename(tmp_path / split)
    (tmp_path / "images").rmdir()
    assert [len(files) for files in find_scenes(tmp_path, TWO, 0)["train"]] == [4, 4]


def test_lists_without_images_say_where_those_go(tmp_path):
    write_miniplaces(tmp_path)
    shutil.rmtree(tmp_path / "images")
    assert f"into {tmp_path / 'images'}" in failure(tmp_path)[1]


def test_names_of_miniplaces_are_joined(tmp_path):
    write_miniplaces(tmp_path, TWO)
    assert scene_names(tmp_path) == ("bakery_shop", "cockpit", "track_outdoor")


def test_scenes_come_in_the_order_asked_for(tmp_path):
    write_scenes(tmp_path)
    found = find_scenes(tmp_path, TWO, 0)
    assert [files[0].parent.name for files in found["train"]] == list(TWO)
    assert [files[0].parent.parent.name for files in found["test"]] == ["val", "val"]


def test_one_in_ten_is_for_the_test_where_there_are_no_splits(tmp_path):
    write_flat_scenes(tmp_path, TWO, count=21)
    found = find_scenes(tmp_path, TWO, 0)
    for train, test in zip(found["train"], found["test"], strict=True):
        assert (len(train), len(test)) == (19, 2)
        assert not set(train) & set(test)
        assert train == sorted(train)
    assert find_scenes(tmp_path, TWO, 0) == found
    assert any(find_scenes(tmp_path, TWO, seed)["test"] != found["test"] for seed in (1, 2))
    alone = find_scenes(tmp_path, TWO[:1], 0)
    assert alone["test"] == found["test"][:1]


def test_a_picture_is_resized_as_a_whole_or_its_centre(tmp_path):
    write_picture(tmp_path / "a.png", (1,), (64, 64))
    write_picture(tmp_path / "b.png", (1,), (96, 64))
    for name, box in (("a.png", (0, 0, 64, 64)), ("b.png", (16, 0, 80, 64))):
        [read] = read_scenes([[tmp_path / name]], 32)
        with Image.open(tmp_path / name) as image:
            expected = np.asarray(image.crop(box).resize((32, 32), Image.Resampling.BILINEAR))
        assert np.array_equal(read[0].permute(1, 2, 0).numpy(), expected)


def test_the_state_follows_the_files(tmp_path):
    for name in ("here", "there"):
        write_scenes(tmp_path / name)
    here, there = (scenes_state(tmp_path / name, TWO, 0) for name in ("here", "there"))
    assert here == there
    write_picture(tmp_path / "there" / "train" / "runway" / "new.jpg", (7,))
    assert scenes_state(tmp_path / "there", TWO, 0) == here  # another scene
    write_picture(tmp_path / "there" / "val" / "cockpit" / "new.jpg", (7,))
    assert scenes_state(tmp_path / "there", TWO, 0) != here


def test_where_scenes_are_looked_for(tmp_path):
    with pytest.raises(DatasetNotFoundError) as caught:
        scenes_folder(tmp_path)
    line = str(caught.value)
    assert "\n" not in line
    for part in (str(tmp_path), "scenes/{train,val}/<scene>/*.jpg", "miniplaces/", "train.txt", "FDD_DATA", "`root`"):
        assert part in line
    (tmp_path / "miniplaces").mkdir()
    assert scenes_folder(tmp_path).name == "miniplaces"
    (tmp_path / "scenes").mkdir()
    assert scenes_folder(tmp_path).name == "scenes"


def test_a_folder_of_as_many_other_scenes_is_taken_as_it_is(tmp_path):
    others = ("attic", "barn")
    write_scenes(tmp_path / "others", others[::-1])
    assert some_names(tmp_path / "others", TWO) == others
    write_scenes(tmp_path / "more", ("attic", "barn", "creek"))
    assert some_names(tmp_path / "more", TWO) == TWO
    write_scenes(tmp_path / "mixed", ("attic", "cockpit"))
    assert some_names(tmp_path / "mixed", TWO) == TWO
    assert some_names(tmp_path / "nothing", TWO) == TWO


# What can be wrong.


def failure(folder: Path, names: tuple[str, ...] = TWO) -> tuple[type[FDDError], str]:
    with pytest.raises(FDDError) as caught:
        read_scenes(find_scenes(folder, names, 0)["train"], 32)
    line = str(caught.value)
    assert "\n" not in line
    return type(caught.value), line


def test_a_missing_folder(tmp_path):
    kind, line = failure(tmp_path / "nothing")
    assert kind is DatasetNotFoundError
    assert "{train,val}/<scene>/*.jpg" in line


def test_a_missing_scene(tmp_path):
    write_scenes(tmp_path)
    kind, line = failure(tmp_path, ("attic",))
    assert kind is DatasetNotFoundError
    assert "'attic'" in line
    assert "bamboo_forest" in line
    assert "scene_names" in line
    shutil.rmtree(tmp_path / "val" / "cockpit")
    assert str(tmp_path / "val") in failure(tmp_path)[1]


def test_an_empty_folder_and_an_empty_scene(tmp_path):
    assert "no folder of a scene" in failure(tmp_path)[1]
    write_scenes(tmp_path)
    for path in (tmp_path / "train" / "cockpit").iterdir():
        path.unlink()
    kind, line = failure(tmp_path)
    assert kind is DatasetNotFoundError
    assert str(tmp_path / "train" / "cockpit") in line


def test_one_split_only(tmp_path):
    write_scenes(tmp_path)
    (tmp_path / "val").rename(tmp_path / "hidden")
    assert "has no val/" in failure(tmp_path)[1]
    (tmp_path / "train").rename(tmp_path / "val")
    assert "has no train/" in failure(tmp_path)[1]


def test_one_image_cannot_be_split(tmp_path):
    write_flat_scenes(tmp_path, TWO, count=1)
    assert "one image" in failure(tmp_path)[1]


def test_a_truncated_image_is_named(tmp_path):
    write_scenes(tmp_path)
    path = tmp_path / "train" / "cockpit" / "00000002.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    kind, line = failure(tmp_path)
    assert kind is FileFormatError
    assert str(path) in line


@pytest.mark.parametrize("name", ["train.txt", "val.txt", "categories.txt"])
def test_a_missing_list(tmp_path, name):
    write_miniplaces(tmp_path)
    (tmp_path / name).unlink()
    kind, line = failure(tmp_path)
    assert kind is DatasetNotFoundError
    assert f"has no {name}" in line


@pytest.mark.parametrize(
    ("name", "line", "kind", "said"),
    [
        ("train.txt", "train/c/cockpit/00000001.jpg", FileFormatError, "line 1"),
        ("train.txt", "train/c/cockpit/00000001.jpg x", FileFormatError, "line 1"),
        ("train.txt", "train/c/cockpit/00000001.jpg 99", FileFormatError, "99, which categories.txt does not have"),
        ("train.txt", "train/c/cockpit/00000001.jpg 0", FileFormatError, "(bakery_shop)"),
        ("train.txt", "val/00000001.jpg 1", FileFormatError, "is not where"),
        ("val.txt", "val/../../x.jpg 1", FileFormatError, "is not where"),
        ("val.txt", "/val/x.jpg 1", FileFormatError, "is not where"),
        ("val.txt", "val/00000001.jpg 1", DatasetNotFoundError, "lists no image of 'track_outdoor'"),
        ("val.txt", "val/00000001.jpg 1\nval/99999999.jpg 2", DatasetNotFoundError, "99999999.jpg"),
        ("categories.txt", "/c/cockpit 1\n/t/track/outdoor 1", FileFormatError, "only once"),
        ("categories.txt", "/c/cockpit 1\n/d/cockpit 2", FileFormatError, "only once"),
        ("categories.txt", "cockpit 1", FileFormatError, "<initial>/<scene>"),
    ],
)
def test_lists_are_checked(tmp_path, name, line, kind, said):
    write_miniplaces(tmp_path, TWO)  # bakery_shop 0, cockpit 1, track_outdoor 2
    (tmp_path / name).write_text(line + "\n")
    found = failure(tmp_path)
    assert found[0] is kind
    assert said in found[1]


# What people's own photographs bring.


def test_scenes_are_upright(tmp_path):
    """As the images of every other set are."""
    write_scenes(tmp_path, TWO)
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = (200, 0, 0)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # turned by 90 degrees clockwise its left half is on top
    path = tmp_path / "train" / "cockpit" / "a.png"
    image.save(path, exif=exif)
    [read] = read_scenes([[path]], 4)
    assert read[0, 0, ::3].tolist() == [[200] * 4, [0] * 4]


def test_copies_are_on_one_side_of_the_cut(tmp_path):
    write_flat_scenes(tmp_path, TWO, count=20)
    for name in TWO:
        for i in range(0, 20, 2):
            path = tmp_path / name / f"{i:03}.png"
            path.with_name(f"copy-{i}.png").write_bytes(path.read_bytes())
    across = tmp_path / TWO[0] / "000.png"  # the same photograph in two scenes
    (tmp_path / TWO[1] / "across.png").write_bytes(across.read_bytes())
    for seed in range(10):
        found = find_scenes(tmp_path, TWO, seed)
        train, test = ({path.read_bytes() for files in part for path in files} for part in found.values())
        assert not train & test
        assert all(1 <= len(files) <= 3 for files in found["test"])
        assert sum(len(files) for part in found.values() for files in part) == 61


def test_a_scene_of_one_photograph_many_times_is_one_line(tmp_path):
    write_flat_scenes(tmp_path, TWO, count=5)
    for path in (tmp_path / "cockpit").iterdir():
        path.write_bytes((tmp_path / "cockpit" / "000.png").read_bytes())
    assert "scene 'cockpit' has no image for the test that is not in training too" in failure(tmp_path)[1]


def test_folders_of_the_system_are_no_scenes(tmp_path):
    write_scenes(tmp_path, TWO)
    for folder in ("@eaDir", "#recycle", ".trash"):
        write_picture(tmp_path / "train" / folder / "x.jpg", (7,))
        write_picture(tmp_path / "train" / "cockpit" / folder / "x.jpg", (7,))
    assert scene_names(tmp_path) == ("cockpit", "track_outdoor")
    assert [len(files) for files in find_scenes(tmp_path, TWO, 0)["train"]] == [4, 4]


def test_scenes_are_found_whichever_form_their_names_have(tmp_path):
    names = [unicodedata.normalize("NFD", name) for name in ("café", "plage d'été")]
    write_scenes(tmp_path / "own", names)
    assert scene_names(tmp_path / "own") == tuple(unicodedata.normalize("NFC", name) for name in names)
    for form in ("NFC", "NFD"):
        wanted = [unicodedata.normalize(form, name) for name in names]
        assert [len(files) for files in find_scenes(tmp_path / "own", wanted, 0)["train"]] == [4, 4]


def test_other_files_of_scenes_are_counted(tmp_path):
    write_scenes(tmp_path, TWO)
    (tmp_path / "train" / "cockpit" / "x.heic").touch()
    (tmp_path / "val" / "cockpit" / "notes.txt").touch()
    others: Counter[str] = Counter()
    find_scenes(tmp_path, TWO, 0, others)
    assert others == {".heic": 1, ".txt": 1}
