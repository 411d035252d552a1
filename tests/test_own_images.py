"""A user's own images at the command line, from folder to table."""

import json
from pathlib import Path

import pytest
from PIL import Image

from fdd_lightning import SyntheticSet
from tests.fakes_folder import write_labelled, write_table
from tests.fakes_natural import cut_short
from tests.tiny import DISTILL, EVAL, FIT, write_recipe
from tests.written_rows import written_rows

LABELLED = ("--data=Folder", "--data.path=photos", "--data.table=labels.csv", "--data.size=16")
SET = ("--synthetic=set/synthetic.safetensors", "--data.path=photos")


@pytest.fixture
def photos(workdir, monkeypatch):
    """Labelled photographs below the current folder, and a cache of their own."""
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))
    write_labelled(workdir / "photos", count=20)
    return workdir / "photos"


@pytest.fixture
def set_of_photos(photos, fdd):
    said = fdd(*DISTILL, *LABELLED, "--model.weighting=FairDD", "--output=set")
    assert said.code == 0, said.err
    return SyntheticSet.load("set/synthetic.safetensors")


def test_distill_and_eval(set_of_photos, fdd):
    made = set_of_photos.metadata
    assert (made["dataset"], made["class_names"], made["group_names"]) == ("photos", ["cat", "dog"], ["day", "night"])
    assert made["settings"] == {
        "path": "photos",
        "table": "labels.csv",
        "size": 16,
        "iterations": 3,
        "surrogate.network.width": 4,
    }
    assert str(Path.cwd()) not in json.dumps(made)
    said = fdd(*EVAL, *SET, "--output=x")  # the file names the data, but for where they lie
    (row,) = written_rows("x/results.json")
    told = f"eval: x/results.json, accuracy {100 * row['metrics']['balanced_accuracy']['mean']:.1f}% (balanced)\n"
    assert (said.code, said.out) == (0, told)
    assert row["settings"] == made["settings"]
    assert row["cell_count"] == [[3, 1], [1, 3]]
    assert all(row["metrics"][name] for name in ("accuracy", "balanced_accuracy"))
    # No cell has the ten images from which on it is judged by itself.
    assert row["small_cells"] == 4
    assert not any(row["metrics"][name] for name in ("deo_max", "deo_mean", "worst_group_accuracy"))


def test_the_data_of_a_set_that_have_moved(set_of_photos, fdd, refused):
    Path("photos").rename("elsewhere")
    line = refused(*EVAL, SET[0], "--output=x")
    assert "say where they lie on this machine, as by --data.path photos, or" in line
    line = refused(*EVAL, *SET, "--output=x")
    assert "path 'photos' does not exist" in line
    assert "--data.path" in line
    said = fdd(*EVAL, *SET, "--data.path", "elsewhere", "--output=x")
    assert said.code == 0, said.err
    assert written_rows("x/results.json")[0]["cell_count"] == [[3, 1], [1, 3]]


def test_changed_labels_are_other_work(set_of_photos, fdd):
    command = (*DISTILL, *LABELLED, "--model.weighting=FairDD", "--output=set")
    assert fdd(*command).out == "finished: distill in set\n"
    table = Path("photos/labels.csv")
    table.write_text(table.read_text().replace("cat/0.png,cat,day", "cat/0.png,cat,night"))
    said = fdd(*EVAL, *SET, "--output=x")
    assert said.code == 0
    assert "the images of photos have changed since the synthetic set was made" in said.err
    assert fdd(*command).out == "distill: set/synthetic.safetensors\n"
    assert "have changed" not in fdd(*EVAL, *SET, "--output=x").err


def test_without_groups(photos, fdd, refused):
    plain = ("--data=Folder", "--data.path=photos", "--data.size=16")
    assert fdd(*DISTILL, *plain, "--output=set").code == 0
    said = fdd(*EVAL, *SET, "--output=x")
    (row,) = written_rows("x/results.json")
    accuracy = f"{100 * row['metrics']['accuracy']['mean']:.1f}%"
    assert said.out == f"eval: x/results.json, accuracy {accuracy} (no group labels, so no fairness metrics)\n"
    assert [name for name, figure in row["metrics"].items() if figure] == ["accuracy", "calibration_error"]
    assert "no group labels" in fdd("report", "x").out
    assert fdd(*FIT, *plain, "--output=encoder").code == 0
    said = fdd(*DISTILL, *plain, "--model.weighting=KDE", "--encoder=encoder/encoder.safetensors", "--output=kde")
    assert said.code == 0, said.err
    assert "needs at least two groups" in refused(*DISTILL, *plain, "--model.weighting=FairDD", "--output=y")
    assert not Path("y").exists()


def test_a_recipe(photos, fdd):
    names = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.png"))]
    write_table(
        photos / "t.csv", [(n, n[0], "ab"[i % 2], i % 3) for i, n in enumerate(names)], ("file", "kind", "sex", "age")
    )
    data = {"name": "folder", "path": "photos", "table": "t.csv", "image": "file", "target": "kind", "size": 16}
    write_recipe(
        Path("r.yaml"),
        data={**data, "group": ["sex", "age"], "test_share": 0.4},
        methods=["dm", "full"],
        weightings=["vanilla", "fairdd"],
    )
    said = fdd("run", "r.yaml", "--plan=plan.json")
    assert said.code == 0, said.err
    assert "and 6 groups (sex=a, age=0; sex=a, age=1;" in said.err
    rows: list[dict] = written_rows("runs/tiny/results.json")
    assert [(row["method"], row["weighting"]) for row in rows] == [
        ("dm", "vanilla"),
        ("dm", "fairdd"),
        ("full", "vanilla"),
    ]
    planned = json.loads(Path("plan.json").read_text())
    assert planned == [{key: row[key] for key in planned[0]} for row in rows]
    assert all(row["settings"]["group"] == ["sex", "age"] for row in rows)
    assert "all rows with " in said.out
    assert Path("runs/tiny/distill/photos").is_dir()
    Image.open("runs/tiny/sets.png").verify()
    again = fdd("run", "r.yaml")
    assert again.err.count("finished before") == 5


def test_a_recipe_that_needs_groups_is_refused_before_anything_runs(photos, fdd):
    data = {"name": "folder", "path": "photos", "size": 16}
    write_recipe(Path("r.yaml"), data=data, weightings=["vanilla", "fairdd"])
    said = fdd("run", "r.yaml")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "weighting fairdd needs groups, and data set photos has none" in said.err
    assert not Path("runs").exists()
    write_recipe(Path("r.yaml"), data=data)
    said = fdd("run", "r.yaml")
    assert said.code == 0
    assert "photos: no group labels, so fairness is not measured" in said.out


def test_a_dry_run_needs_no_images(workdir, fdd):
    write_recipe(Path("r.yaml"), data={"name": "folder", "path": "photos"})
    said = fdd("run", "r.yaml", "--dry-run")
    assert said.code == 0
    assert "missing: folder: path 'photos' does not exist" in said.out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "dog" / "3.png").unlink(), ["labels.csv, row 25: no file 'dog/3.png'"]),
        (lambda folder: cut_short(folder / "dog" / "3.png"), ["dog/3.png", "cut short"]),
        (lambda folder: (folder / "labels.csv").write_text("image,target\n"), ["labels.csv has no rows"]),
        (
            lambda folder: (folder / "labels.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff"),
            ["labels.csv is no text in UTF-8"],
        ),
        (lambda folder: (folder / "labels.csv").unlink(), ["table 'labels.csv' is neither in 'photos'"]),
    ],
    ids=["file", "image", "empty", "binary", "table"],
)
def test_mistakes_are_one_line_and_leave_nothing(photos, fdd, change, told):
    change(photos)
    said = fdd(*DISTILL, *LABELLED, "--output=x")
    assert said.code == 2
    line = said.err.splitlines()[-1]
    assert line.startswith("fdd: error: ")
    assert [part for part in told if part not in line] == []
    assert "Traceback" not in said.err
    assert not Path("x").exists()
    assert not list(Path(".cache").glob("**/*folder*"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data.target=targte"], ["labels.csv has no column 'targte'", "did you mean 'target'?"]),
        (["--data.group=[group,sex]"], ["no column 'sex'"]),
        (["--data.classes=[cat,cow]"], ["row 22: class 'dog' is not among `classes` (cat, cow)"]),
        (["--data.path=nowhere"], ["path 'nowhere' does not exist"]),
        (["--data.size=0"], ["size must be at least 1, not 0"]),
        (["--data.size=big"], ["--data.size: expected int, not 'big'"]),
        (["--data.colour=red"], ["--data.colour: no such option"]),
    ],
)
def test_mistakes_in_arguments(photos, refused, arguments, told):
    line = refused(*DISTILL, *LABELLED, *arguments, "--output=x")
    assert [part for part in told if part not in line] == []
    assert not Path("x").exists()


def test_help_and_nulls(photos, fdd):
    said = fdd("distill", "--data.help=Folder")
    assert [text for text in ("--data.path", "--data.test_share", "class folders alone") if text not in said.out] == []
    for group in ("null", "[]"):
        assert fdd(*DISTILL, *LABELLED, f"--data.group={group}", f"--output=x{group}").code == 0
        assert SyntheticSet.load(f"x{group}/synthetic.safetensors").metadata["group_names"] == ["all"]


def test_the_data_command(photos, fdd):
    Path("mine.yaml").write_text(
        "data: {class_path: Folder, init_args: {path: photos, table: labels.csv, group: group, size: 16}}"
    )
    said = fdd("data", "prepare", "mine.yaml")
    assert said.code == 0, said.err
    assert "32 train + 8 test images" in said.out
    assert fdd("data", "verify", "mine.yaml").code == 0
    said = fdd("data", "show", "folder", "--data.path=photos", "--output=x.png")
    assert said.code == 0, said.err
    Image.open("x.png").verify()
