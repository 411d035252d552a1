"""The user's own images as a data module."""

import json
import os
from pathlib import Path

import pytest
import torch

from fdd_lightning.datamodules import Folder
from fdd_lightning.datasets.folder_files import Columns
from fdd_lightning.datasets.folder_index import read_folder
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FileFormatError
from fdd_lightning.utils import paths
from tests.datamodules.contract import DataModuleContract
from tests.fakes_folder import write_class_folders, write_labelled, write_table
from tests.fakes_natural import cut_short, write_picture


class TestFolder(DataModuleContract):
    kind = Folder
    twin = False
    ways_out = ("FDD_DATA", "root", "path")

    def write_source(self, root: Path) -> None:
        write_class_folders(root / "folder", count=30)

    def test_the_facts_are_those_of_the_folder(self, data):
        assert (data.class_names, data.group_names, data.aligned) == (("cat", "dog"), ("all",), None)
        assert data.image_shape == (3, 64, 64)
        assert (len(data.train), len(data.test)) == (48, 12)


@pytest.fixture
def photos(workdir, monkeypatch):
    """Labelled photographs below the current folder, a cache of their own, and no data root."""
    monkeypatch.setenv("FDD_CACHE", "cache")
    write_labelled(workdir / "photos", count=20)
    return workdir / "photos"


def mine(**arguments):
    return Folder(**{"path": "photos", "table": "labels.csv", "size": 8, **arguments})


def test_a_table_of_labels(photos):
    data = mine()
    assert (data.class_names, data.group_names, data.image_shape) == (("cat", "dog"), ("day", "night"), (3, 8, 8))
    data.setup()
    assert data.train.pixels(torch.tensor([0])).shape == (1, 3, 8, 8)
    assert data.manifest["cells"]["train"] == data.train.cells(2, 2).tolist()
    assert (len(data.train), len(data.test)) == (32, 8)
    assert data.verify() == data.manifest


def test_what_was_found_is_said_when_it_is_built(photos, capsys):
    mine().setup()
    said = (
        "folder: 40 images in 2 classes (cat, dog) and 2 groups (day; night): 32 for training, 8 for the test (drawn, "
        "as biased as the rest: 'cat' and 'night' has 6, a balanced test needs 30 of every class and group)\n"
    )
    assert capsys.readouterr().err == said
    mine().setup()
    assert capsys.readouterr().err == ""


def test_with_a_path_the_data_root_is_never_looked_at(photos, monkeypatch):
    monkeypatch.setenv("FDD_DATA", "nowhere")
    assert mine().missing is None
    mine().setup()
    assert not Path("nowhere").exists()


def test_nothing_is_read_before_it_is_asked_for(photos):
    Folder(path="nowhere")
    data = mine()
    assert data.image_shape == (3, 8, 8)
    assert data.parameters["path"] == "photos"
    (photos / "labels.csv").write_text("")
    with pytest.raises(FileFormatError, match="empty"):
        _ = data.num_classes


def test_parameters_turn_back_into_arguments(photos):
    data = mine(group=["group"], classes=["dog", "cat"], mean=[0.4, 0.5, 0.6], std=(0.2, 0.2, 0.2), seed=3)
    given = json.loads(json.dumps(data.parameters))
    assert given == data.parameters
    again = Folder(**Folder.arguments(given))
    assert again.parameters == data.parameters
    assert again.cache_folder == data.cache_folder
    assert (again.mean, again.std, again.class_names) == ((0.4, 0.5, 0.6), (0.2, 0.2, 0.2), ("dog", "cat"))


def test_the_home_folder_is_not_told(photos, monkeypatch):
    monkeypatch.setenv("HOME", str(photos.parent))
    data = Folder(path=str(photos), table=str(photos / "labels.csv"))
    assert (data.path, data.table) == ("~/photos", "~/photos/labels.csv")
    assert str(photos.parent) not in json.dumps(data.parameters)
    data.setup()
    assert mine(path="~/photos").class_names == data.class_names


def test_a_table_beside_the_folder(photos):
    (photos / "labels.csv").rename("labels.csv")
    assert mine().group_names == ("day", "night")
    assert Folder(path=str(photos), table="labels.csv").group_names == ("day", "night")


@pytest.mark.parametrize("change", ["label", "image", "new", "gone"])
def test_the_cache_knows_the_folder_as_it_is(photos, change):
    before = mine().cache_folder
    table = photos / "labels.csv"
    text = table.read_text()
    if change == "label":
        table.write_text(text.replace("cat/0.png,cat,day", "cat/0.png,cat,night"))
    elif change == "image":
        write_picture(photos / "cat" / "0.png", (40, 40))
    elif change == "new":
        write_picture(photos / "cat" / "new.png")
        table.write_text(text + "cat/new.png,cat,day\n")
    else:
        table.write_text(text.replace("cat/0.png,cat,day\n", ""))
        (photos / "cat" / "0.png").unlink()
    assert mine().cache_folder != before
    os.utime(photos / "cat" / "1.png")  # a date says nothing of a picture
    assert mine().cache_folder == mine().cache_folder


def test_validation_images_of_ones_own(photos):
    names = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.png"))]
    rows = [(name, name[:3], ("train", "valid", "test")[i % 3]) for i, name in enumerate(names)]
    write_table(photos / "labels.csv", rows, ("image", "target", "split"))
    data = mine()
    assert data.val is None
    data.setup()
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [14, 13, 13]
    assert set(data.manifest["cells"]) == {"train", "val", "test"}
    assert sum(len(batch["index"]) for batch in data.val_dataloader()) == 13
    assert data.verify() == data.manifest
    with pytest.raises(ConfigError, match=r"validation=0\.1 beside images of the split val"):
        mine(validation=0.1).setup()


def test_balanced_cells(photos):
    data = mine(balanced=True)
    data.setup()
    cells = data.train.cells(2, 2)
    assert len(set(cells.flatten().tolist())) == 1
    assert data.cache_folder != mine().cache_folder


@pytest.mark.parametrize("name", ["cat/3.png", "dog/0.png"])
def test_a_damaged_image_is_named_and_nothing_is_left(photos, name):
    cut_short(photos / name)
    data = mine()
    with pytest.raises(FileFormatError, match=name) as caught:
        data.prepare_data()
    assert "\n" not in str(caught.value)
    assert list(paths.cache_root().iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"size": 0}, "size must be at least 1, not 0"),
        ({"test_share": 1.0}, r"test_share=1\.0"),
        ({"test_share": 0.0}, r"test_share=0\.0"),
        ({"mean": (0.5, 0.5)}, "mean="),
        ({"mean": (127, 127, 127)}, "mean="),
        ({"std": (0.0, 1.0, 1.0)}, "std="),
        ({"target": "image"}, "'image' is named twice"),
        ({"group": ["a", "a"]}, "'a' is named twice"),
        ({"classes": ["a", 1, "a"]}, "classes="),
    ],
)
def test_senseless_arguments(arguments, told):
    with pytest.raises(ConfigError, match=told) as caught:
        Folder(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"path": "nowhere"}, ["path 'nowhere' does not exist below", "--data.path"]),
        ({"path": "/nowhere"}, ["path '/nowhere' does not exist:"]),
        ({"table": "x.csv"}, ["'x.csv' is neither in 'photos'"]),
        ({"path": None}, ["'data/folder' does not exist", "`path`", "FDD_DATA"]),
        ({"path": None, "root": "there"}, ["'there/folder' does not exist"]),
    ],
)
def test_what_is_not_there(photos, arguments, told):
    data = mine(**arguments)
    with pytest.raises(DatasetNotFoundError) as caught:
        _ = data.class_names
    line = str(caught.value)
    assert [part for part in told if part not in line] == []
    assert data.missing == line


def test_a_balanced_set_without_groups(photos):
    for data in (mine(group=None, balanced=True), mine(group=[], balanced=True), mine(table=None, balanced=True)):
        with pytest.raises(ConfigError, match="balanced=true needs groups"):
            data.setup()


def test_the_module_reads_what_the_plain_part_reads(photos):
    plain = read_folder(photos, photos / "labels.csv", Columns(), None, 0.2, 0)
    assert mine().index.state == plain.state
    assert mine().index.splits["test"].targets.tolist() == plain.splits["test"].targets.tolist()


def test_rows_are_named_after_the_folder_unless_told_otherwise(photos, monkeypatch):
    assert [mine(path=path).name for path in ("photos", "photos/", "./photos/../photos")] == ["photos"] * 3
    monkeypatch.chdir("photos")
    assert mine(path=".").name == "photos"
    assert Folder().name == "folder"
    assert mine(path="/").name == "folder"
    assert mine(path="x/.hidden").name == "hidden"
    assert mine(path="x/cmnist").name == "cmnist folder"  # another data set of the menu is called so
    assert mine(name="My photos 2").name == "My photos 2"


def test_a_name_changes_nothing_of_the_images(photos):
    one, other = mine(), mine(name="other")
    assert one.entry == other.entry == "folder"
    for data in (one, other):
        data.setup()
    assert (one.cache_folder, one.fingerprint, one.parameters) == (
        other.cache_folder,
        other.fingerprint,
        other.parameters,
    )
    assert one.cache_folder.name.startswith("folder-")
    assert one.settings == other.settings


def test_what_decides_the_images_is_in_the_settings(photos):
    plain = {"path": "photos", "table": "labels.csv", "size": 8}
    assert mine().settings == plain
    assert mine(validation=0.5, seed=1).settings == {**plain, "validation": 0.5, "seed": 1}
    assert mine(test="proportional").settings == {**plain, "test": "proportional"}
    assert mine(batch_size=3, licence="mine", name="other").settings == plain
    assert Folder(root="there").settings == {"root": "there"}


def test_what_is_set_aside_makes_other_training_images(photos):
    """What is computed of the training images is kept by this fingerprint: votes, embeddings, whitening."""
    plain, cut, other = mine(), mine(validation=0.5), mine(validation=0.5, seed=1)
    for data in (plain, cut, other):
        data.setup()
    assert plain.train_fingerprint == plain.fingerprint == cut.fingerprint
    assert len({data.train_fingerprint for data in (plain, cut, other)}) == 3


def test_what_was_built_before_stays_what_it_is(photos):
    """Arguments that came later are not among the parameters at their defaults, nor asked of older files."""
    old = {key: value for key, value in mine().parameters.items() if key not in ("test", "majority")}
    assert mine().parameters == old
    assert Folder(**Folder.arguments(old)).parameters == old
    told = mine(test="proportional", majority={"cat": "day", "dog": "night"}).parameters
    assert told == {**old, "test": "proportional", "majority": {"cat": "day", "dog": "night"}}
    assert Folder(**Folder.arguments(told)).parameters == told
    with pytest.raises(ConfigError, match="do not fit: size"):
        Folder.arguments({key: value for key, value in old.items() if key != "size"})


def test_aligned_is_each_classes_majority_where_there_is_a_bias(photos):
    data = mine()
    data.setup()  # 22 of 32 training images are of their class's own group: not certain by so few
    assert (data.aligned, data.alignment, data.association.notable) == (None, None, False)
    write_labelled(photos, count=60)
    data = mine()
    data.setup()
    assert data.train.cells(2, 2).tolist() == [[34, 14], [14, 34]]
    assert data.aligned is None
    assert data.alignment is not None
    assert data.alignment.tolist() == [[True, False], [False, True]]
    assert data.manifest["conflict_ratio"] is None
    told = mine(majority={"cat": "night", "dog": "night"})
    told.setup()
    assert told.alignment is not None
    assert told.alignment.tolist() == [[False, True], [False, True]]
    assert told.manifest["conflict_ratio"] == pytest.approx(0.5)
    ungrouped = mine(group=None)
    ungrouped.setup()
    assert ungrouped.alignment is None
