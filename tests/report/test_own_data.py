from fdd_lightning.report.charts import panels
from fdd_lightning.report.own_data import told_apart
from tests.report.fake_rows import row


def own(path, **settings):
    return row(dataset="faces", conflict_ratio=None, settings={"path": path, "size": 32, **settings})


def names(*rows):
    return [each.dataset for each in told_apart(rows)]


def test_folders_of_one_base_name_are_told_apart_by_as_little_of_the_path_as_it_takes():
    rows = [own("/data/2023/faces"), own("/data/2024/faces"), own("/data/2024/faces", iterations=3), row()]
    told = told_apart(rows)
    assert [each.dataset for each in told] == [
        "faces (2023/faces)",
        "faces (2024/faces)",
        "faces (2024/faces)",
        "colored_digits",
    ]
    assert [each.settings for each in told[:3]] == [{"size": 32}, {"size": 32}, {"size": 32, "iterations": 3}]
    assert [panel.title for panel in panels(told)][:2] == ["faces (2023/faces)", "faces (2024/faces)"]
    assert names(own("faces"), own("old/faces")) == ["faces (faces)", "faces (old/faces)"]


def test_names_that_do_not_collide_stay():
    rows = [own("a/faces"), own("a/faces", size=64), row()]
    assert told_apart(rows) == rows
    # Attributes of a published set tell variants of it apart, under the name that the papers' figures have.
    rows = [row(dataset="celeba", settings={"target": "Smiling"}), row(dataset="celeba")]
    assert told_apart(rows) == rows


def test_labels_of_one_folder_are_told_apart_too():
    assert names(own("faces"), own("faces", group=["sex", "age"]), own("faces", table="b.csv")) == [
        "faces",
        'faces (group=["sex","age"])',
        "faces (table=b.csv)",
    ]
    rows = [row(dataset="faces", settings={"root": root}) for root in ("a", "b")]
    assert names(*rows) == ["faces (a)", "faces (b)"]
