"""Images and tables as people have them, at the command line."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fdd_lightning.datamodules import Folder
from tests.fakes import write_mnist
from tests.fakes_folder import write_class_folders, write_labelled, write_table
from tests.fakes_natural import cut_short, write_picture, write_utkface
from tests.tiny import DISTILL, write_recipe

PREPARE = ("data", "prepare", "folder", "--data.path=photos", "--data.size=16")
NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


@pytest.fixture
def photos(workdir, monkeypatch):
    """A cache of the test's own; images go to ``photos``."""
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))
    return workdir / "photos"


@pytest.fixture
def prepared(photos, fdd):
    """Prepare the folder: return what was said on stderr, line by line, without its prefix."""

    def call(*args):
        said = fdd(*PREPARE, *args)
        assert said.code == 0, said.err
        return [line.removeprefix("folder: ") for line in said.err.splitlines()]

    return call


@pytest.fixture
def refused_build(photos, fdd):
    """A build that is refused after it was said what was found: return its one line."""

    def call(*args):
        said = fdd(*PREPARE, *args)
        assert said.code == 2, said
        line = said.err.splitlines()[-1]
        assert line.startswith("fdd: error: ")
        assert "Traceback" not in said.err
        return line.removeprefix("fdd: error: ")

    return call


def built(**arguments):
    data = Folder(**{"path": "photos", "size": 16, **arguments})
    data.setup()
    return data


def both_sides(data) -> set[bytes]:
    """Images that are in training and in the test."""
    train, test = ({image.numpy().tobytes() for image in part.images} for part in (data.train, data.test))
    return train & test


# Images.


def test_icons_lie_on_white(photos, prepared):
    for target, box in (("left", np.s_[:, :8]), ("right", np.s_[:, 8:])):
        for i in range(6):
            ink = np.zeros((16, 16, 4), np.uint8)
            ink[box][..., 3] = 255
            ink[i, :, 3] = 0
            (photos / target).mkdir(parents=True, exist_ok=True)
            Image.fromarray(ink).save(photos / target / f"{i}.png")
    prepared()
    data = built()
    left = data.train.images[data.train.targets == 0]
    assert left[:, :, :, 8:].unique().tolist() == [255]
    assert left[:, :, :, :8].unique().tolist() == [0, 255]


def test_broken_exif_and_a_large_image(photos, prepared, refused_build):
    write_class_folders(photos, ("a", "b"), 5)
    Image.new("RGB", (16, 16), 9).save(photos / "a" / "0.jpg", exif=b"Exif\0\0no tiff")
    assert prepared() == ["11 images in 2 classes (a, b), no groups: 9 for training, 2 for the test (drawn)"]
    Image.new("1", (13500, 13500)).save(photos / "a" / "0.png")
    line = refused_build()
    assert "photos/a/0.png' cannot be read (it is too large: more than 178,956,970 pixels)" in line
    assert "damaged" not in line


def test_copies_stand_on_one_side(photos, prepared):
    names = write_class_folders(photos, count=20)
    for name in names[:12]:
        copy = photos / "cat" / f"copy-{Path(name).name}"
        copy.write_bytes((photos / name).read_bytes())
    found, told = prepared()
    assert found.startswith("52 images")
    assert told.startswith("12 of 52 images are copies of others (equal files)")
    for seed in range(10):
        data = built(seed=seed)
        assert both_sides(data) == set()
        assert len(data.test) in range(8, 12)


def test_copies_with_other_labels_stand_on_one_side_too(photos, prepared):
    names = write_class_folders(photos, count=12)
    for name in names[:6]:
        (photos / "dog" / f"also-{Path(name).name}").write_bytes((photos / name).read_bytes())
    prepared()
    assert all(both_sides(built(seed=seed)) == set() for seed in range(10))


def test_one_image_alone_cannot_be_parted_and_that_is_said(photos, prepared):
    write_class_folders(photos, count=5)
    for i in range(5):
        write_picture(photos / "cow" / f"{i}.png", seed=0).write_bytes((photos / "cat" / "0.png").read_bytes())
    told = prepared()[-1]
    assert told == "warning: class 'cow' is one image, 5 times: it stands in training and in the test"


def test_copies_that_the_user_parted_are_told_of(photos, prepared):
    write_class_folders(photos / "train", count=4)
    write_class_folders(photos / "test", count=4)
    (photos / "test" / "cat" / "x.png").write_bytes((photos / "train" / "cat" / "1.png").read_bytes())
    (told,) = prepared()[1:]
    assert told.startswith(
        "warning: 1 of 9 test images are in training too (equal files), such as 'photos/test/cat/x.png'"
    )


def test_a_copy_that_replaces_another_image_is_another_set(photos):
    write_class_folders(photos, count=10)
    first = built().cache_folder
    same_size = photos / "cat" / "0.png"
    same_size.write_bytes((photos / "cat" / "1.png").read_bytes().ljust(same_size.stat().st_size))
    (photos / "cat" / "2.png").write_bytes(same_size.read_bytes())
    assert built().cache_folder != first
    assert both_sides(built()) == set()


def test_no_validation_image_is_in_training(photos):
    names = write_class_folders(photos, count=30)
    for name in names[::2]:
        (photos / name).with_suffix(".bmp.png").write_bytes((photos / name).read_bytes())
    for seed in range(5):
        data = built(validation=0.3, seed=seed)
        train, val = ({image.numpy().tobytes() for image in part.images} for part in (data.train, data.val))
        assert not train & val
        assert len(val) > 0.1 * 90


def test_faces_that_lie_in_several_folders(workdir, monkeypatch, fdd):
    monkeypatch.setenv("FDD_CACHE", ".cache")
    monkeypatch.setenv("FDD_DATA", "data")
    folder = write_utkface(Path("data"), malformed=False) / "UTKFace"
    alone = fdd("data", "prepare", "utkface").out
    for path in sorted(folder.iterdir()):
        (folder / "crop").mkdir(exist_ok=True)
        (folder / "crop" / path.name).write_bytes(path.read_bytes())
    (folder / "notes.txt").touch()
    write_picture(folder / "@eaDir" / "1_0_0_2017.jpg" / "THUMB.jpg")
    said = fdd("data", "prepare", "utkface")
    assert said.code == 0, said.err
    assert said.err.splitlines() == [
        "utkface: 1 file left out whose ending is of no image that can be read (1 .txt)",
        "utkface: 94 of 188 images left out, copies of others (equal files)",
    ]
    assert "64 train + 24 test images" in said.out
    assert "64 train + 24 test images" in alone


def test_endings_links_and_folders_of_network_drives(photos, prepared):
    write_class_folders(photos, count=6)
    (photos / "cat" / "0.png").rename(photos / "cat" / "0.jfif")
    Image.new("L", (16, 16), 5).save(photos / "cat" / "x.pgm")
    write_picture(photos / "store" / "y.png", seed=5)
    (photos / "cat" / "more").symlink_to(photos.absolute() / "store")
    (photos / "store").rename(photos.parent / "store")
    (photos / "cat" / "more").unlink()
    (photos / "cat" / "more").symlink_to(photos.parent.absolute() / "store")
    for name in ("@eaDir", "#recycle", "$RECYCLE.BIN"):
        write_picture(photos / name / "z.png")
        write_picture(photos / "dog" / name / "z.png")
    (photos / "dog" / "z.heic").touch()
    found, told = prepared()
    assert found.startswith("14 images in 2 classes (cat, dog)")
    assert told == "1 file left out whose ending is of no image that can be read (1 .heic)"


def test_all_damaged_images_are_named_at_once_or_left_out(photos, refused_build, fdd):
    write_class_folders(photos, count=20)
    sound = built()
    for name in ("cat/3.png", "dog/0.png", "dog/17.png"):
        cut_short(photos / name)
    (photos / "cat" / "5.png").write_bytes(b"")
    line = refused_build()
    assert line.startswith("4 images cannot be read: ")
    for name in ("cat/3.png", "cat/5.png", "dog/0.png", "dog/17.png", "skip_damaged: true leaves damaged ones out"):
        assert name in line
    said = fdd(*PREPARE, "--data.skip_damaged=true")
    assert said.code == 0, said.err
    assert "folder: left out of train, " in said.err
    assert "4 source images left out" in said.out
    data = built(skip_damaged=True)
    assert len(data.train) + len(data.test) == 36
    assert data.manifest["left_out"] == {"damaged images": 4}
    assert data.verify() == data.manifest
    assert Folder(**Folder.arguments(json.loads(json.dumps(data.parameters)))).parameters == data.parameters
    assert "skip_damaged" not in sound.parameters
    kept = {image.numpy().tobytes() for image in data.train.images}
    assert kept < {image.numpy().tobytes() for image in sound.train.images}


def test_a_class_of_damaged_images_alone_is_refused(photos, refused_build):
    for name in write_class_folders(photos, count=4)[:4]:
        (photos / name).write_bytes(b"")
    line = refused_build("--data.skip_damaged=true")
    assert "without the damaged images train holds no image of the class 'cat'" in line


def test_deep_images_are_not_left_out_as_damaged(photos, refused_build):
    write_class_folders(photos, count=4)
    Image.fromarray(np.full((16, 16), 3000, np.uint16)).save(photos / "cat" / "0.png")
    assert "more than 8 bits" in refused_build("--data.skip_damaged=true")


# Names and tables.


def labelled(photos, head="image,target", mark=",", count=24, name="{}.png", targets=("bar", "cat")):
    """A table of flat images of two classes, and the images."""
    rows = [head] if head else []
    for i in range(count):
        write_picture(photos / f"{i}.png", seed=i)
        rows.append(mark.join((name.format(i), targets[i % len(targets)])))
    return "\n".join(rows)


def test_one_word_in_two_forms_is_one_class(photos, prepared):
    text = labelled(photos, targets=("bar", NFC, "bar", NFD, "bar", f"{NFC}\u200b", "\ufeffbar", f"{NFD}\u00a0"))
    (photos / "labels.csv").write_text(text, encoding="utf-8")
    assert prepared("--data.table=labels.csv")[0].startswith("24 images in 2 classes (bar, café)")
    prepared("--data.table=labels.csv", f"--data.classes=[{NFD}, bar]")


def test_folders_files_and_columns_in_another_form(photos, prepared):
    for i, name in enumerate(write_class_folders(photos, (NFC, NFD, "bar"), 6)):
        (photos / name).rename((photos / name).with_name(f"{NFD}{i}.png"))
    assert prepared()[0].startswith("18 images in 2 classes (bar, café)")
    files = sorted(photos.rglob("*.png"))
    rows = [(f"{NFC}{path.stem.removeprefix(NFD)}.png", "ab"[i % 2]) for i, path in enumerate(files)]
    write_table(photos / f"{NFD}.csv", rows, ("image", NFD))
    lines = prepared(f"--data.table={NFC}.csv", f"--data.group={NFC}")
    assert "and 2 groups (a; b)" in lines[0]
    photos.rename(photos.with_name(NFD))
    data = Folder(path=NFC, table=f"{NFC}.csv", group=NFC, size=16)
    data.setup()
    assert data.class_names == ("bar", "café")


def test_names_that_look_alike_are_told_of(photos, prepared):
    rows = [
        (write_picture(photos / f"{i}.png", seed=i).name, ("Cat", "cat", "dog")[i % 3], ("1", "1.0")[i % 2])
        for i in range(30)
    ]
    write_table(photos / "labels.csv", rows)
    told = prepared("--data.table=labels.csv")[1:]
    assert told == [
        "warning: classes 'Cat', 'cat' are told apart, though they look like one: write them alike if they are",
        "warning: values of 'group' '1', '1.0' are told apart, though they look like one: write them alike if they are",
    ]


def test_a_table_that_is_not_named_is_told_of(photos, prepared):
    write_labelled(photos)
    (told,) = prepared()[1:]
    assert (
        told == "the folders say the classes, no table is read (there is labels.csv): name it by `table` if it counts"
    )
    assert len(prepared("--data.table=labels.csv")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nimage;target\n",
        "\n\n ,\nimage,target\n",
        "\ufeffsep=,\r\n\r\nimage,target\r\n",
        "sep=\t\nimage\ttarget\n",
    ],
)
def test_what_stands_before_the_head_is_skipped(photos, prepared, text):
    mark = next(mark for mark in ";,\t" if f"image{mark}" in text)
    (photos / "labels.csv").parent.mkdir()
    (photos / "labels.csv").write_text(text + labelled(photos, "", mark), encoding="utf-8", newline="")
    assert prepared("--data.table=labels.csv")[0].startswith("24 images in 2 classes (bar, cat)")


def test_rows_are_numbered_by_the_lines_of_the_file(photos, refused):
    photos.mkdir()
    (photos / "labels.csv").write_text("sep=;\n\nimage;target\nx.png;cat\n")
    assert "labels.csv, row 4: no file 'x.png'" in refused(*PREPARE, "--data.table=labels.csv")
    (photos / "labels.csv").write_text("\nimage,target\n0.png\n")
    assert "labels.csv, row 3 has 1 cells, its head 2" in refused(*PREPARE, "--data.table=labels.csv")


def test_backslashes_are_taken(photos, prepared):
    names = write_class_folders(photos, count=8)
    rows = [(name.replace("/", "\\"), name[:3], "ab"[i % 2]) for i, name in enumerate(names)]
    write_table(photos / "labels.csv", rows)
    assert prepared("--data.table=labels.csv")[0].startswith("16 images in 2 classes (cat, dog) and 2 groups")
    write_table(photos / "labels.csv", [(image, group) for image, _, group in rows], ("image", "group"))
    lines = prepared("--data.table=labels.csv", "--data.seed=1")
    assert lines[0].startswith("16 images in 2 classes (cat, dog) and 2 groups")


@pytest.mark.parametrize(
    "said",
    ["classes: [no, yes]", "classes: [001, 01]", "group: on", "group: [sex, off]", "target: yes", "classes: [1.5, 2]"],
)
def test_names_that_yaml_takes_for_something_else(photos, refused, fdd, said):
    write_labelled(photos)
    Path("mine.yaml").write_text(
        f"data: {{class_path: Folder, init_args: {{path: photos, table: labels.csv, size: 16, {said}}}}}"
    )
    for command in (("data", "prepare", "mine.yaml"), (*DISTILL, "--config=mine.yaml", "--output=x")):
        assert "put it in quotes: YAML reads" in refused(*command)
    Path("r.yaml").write_text(
        f"name: x\ndata: {{name: folder, path: photos, table: labels.csv, size: 16, {said}}}\nmethods: [random]\n"
    )
    told = fdd("run", "r.yaml")
    assert told.code == 2
    assert "put it in quotes: YAML reads" in told.err
    assert not Path("runs").exists()


def test_quoted_they_are_names(photos, prepared):
    write_class_folders(photos, ("no", "yes"))
    Path("mine.yaml").write_text("data: {class_path: Folder, init_args: {path: photos, classes: ['no', 'yes']}}")
    assert prepared("--data.classes=['no','yes']")[0].startswith("20 images in 2 classes (no, yes)")
    for name, date in (("no", "2020-01-01"), ("yes", "2020-01-02")):
        (photos / name).rename(photos / date)
    assert prepared("--data.classes=[2020-01-01, 2020-01-02]")[0].startswith("20 images in 2 classes (2020-01-01")


def test_codes_with_zeros_are_told_to_be_quoted(photos, refused):
    write_class_folders(photos, ("001", "010"))
    assert "put it in quotes" in refused(*PREPARE, "--data.classes=[1, 8]")


@pytest.mark.parametrize("method", ["dm", "random", "dream"])
def test_a_class_too_small_is_named_before_anything_runs(photos, refused, method):
    write_class_folders(photos, ("cat", "dog"), 30)
    for path in sorted((photos / "dog").iterdir())[5:]:
        path.unlink()
    methods = ["dm"] if method == "dm" else [method, "dm"]
    write_recipe(Path("r.yaml"), data={"name": "folder", "path": "photos", "size": 16}, methods=methods, ipcs=[6])
    line = refused("run", "r.yaml")
    assert line.startswith("class dog has 4 training images in data set photos, fewer than the ")
    assert "lower images_per_class" in line
    assert not Path("runs").exists()


def test_a_class_too_small_is_named_by_a_stage(photos, fdd):
    write_class_folders(photos, ("cat", "dog"), 10)
    data = ("--data=Folder", "--data.path=photos", "--data.size=16")
    said = fdd(*DISTILL, *data, "--model.images_per_class=9", "--output=x")
    assert said.code == 2
    assert "class cat has 8 training images in data set photos, fewer than the 9" in said.err
    assert "(2 classes are too small)" in said.err
    assert fdd(*DISTILL, *data, "--model.images_per_class=9", "--model.initialiser=Noise", "--output=x").code == 0


# Images that change.


def test_an_image_replaced_by_another_of_the_same_size_is_noticed(photos, prepared, fdd):
    for target in ("a", "b"):
        for i in range(6):
            write_picture(photos / target / f"{i}.bmp", seed=ord(target))  # not compressed: all are of one size
    image, other = photos / "a" / "0.bmp", write_picture(photos.parent / "other.bmp", seed=7)
    assert image.stat().st_size == other.stat().st_size
    args = (*DISTILL, "--data=folder", "--data.path=photos", "--data.size=16", "--output=x")
    prepared()
    assert fdd(*args).code == 0
    assert fdd(*args).out == "finished: distill in x\n"
    before, seen = image.read_bytes(), {*(photos.parent / ".cache").glob("folder-*")}
    image.write_bytes(other.read_bytes())
    said = fdd(*args)
    assert (said.code, "finished" in said.out) == (0, False)
    assert len({*(photos.parent / ".cache").glob("folder-*")} - seen) == 1
    image.write_bytes(before)
    assert "was built before" in fdd(*PREPARE).out


def test_a_published_image_replaced_in_place_is_noticed(workdir, tmp_path, monkeypatch, fdd):
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))
    monkeypatch.setenv("FDD_DATA", str(write_mnist(tmp_path / "root")))
    args = (*DISTILL, "--data=cmnist_fg", "--output=x")
    assert fdd(*args).code == 0
    assert fdd(*args).out == "finished: distill in x\n"
    file = tmp_path / "root" / "MNIST" / "raw" / "train-images-idx3-ubyte"
    changed = bytearray(file.read_bytes())
    changed[16 : 16 + 784] = bytes(784)
    file.write_bytes(changed)
    said = fdd(*args)
    assert (said.code, "finished" in said.out) == (0, False)
    assert len(list((workdir / ".cache").glob("cmnist_fg-*"))) == 2
