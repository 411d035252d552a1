"""The recipes for one's own images: each is a file to copy, in which the path is changed."""

from pathlib import Path

import pytest

from fdd_lightning.utils.paths import CONFIGS
from tests.fakes_folder import write_class_folders, write_table
from tests.written_rows import written_rows

RECIPES = sorted(path.stem for path in (CONFIGS / "recipes" / "own").glob("*.yaml"))
CLASSES, SEXES, AGES = ("smiling", "neutral"), ("f", "m"), ("old", "young")
GROUPS = {"groups": 2, "two_groups": 4, "no_groups": 1, "balanced_test": 2}
SHORT = {
    "size: 64": "size: 8",
    "ipcs: [10]": "ipcs: [1]",
    "iterations: 150": "iterations: 1",
    "width: 32": "width: 4",
    "count: 3, preset: quick": "count: 1, preset: quick, epochs: 1",
}


@pytest.fixture
def pictures(workdir, monkeypatch):
    """A folder that is not called as in the recipes, with every column that they name; half the images are tested."""
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))
    names = write_class_folders(workdir / "pictures", CLASSES, count=24)
    rows = [
        (name, name.partition("/")[0], SEXES[i % 2], AGES[i // 2 % 2], SEXES[i % 2], ("train", "test")[i // 4 % 2])
        for i, name in enumerate(names)
    ]
    write_table(workdir / "pictures" / "labels.csv", rows, ("image", "target", "sex", "age", "group", "split"))
    return workdir / "pictures"


def copied(name):
    """Copy a recipe as its first lines say, and change the path."""
    text = (CONFIGS / "recipes" / "own" / f"{name}.yaml").read_text()
    assert text.count("path: photos ") == 1
    Path("mine.yaml").write_text(text.replace("path: photos ", "path: pictures "))
    return "mine.yaml"


def test_there_is_one_for_each_case():
    assert set(RECIPES) == set(GROUPS)


@pytest.mark.parametrize("name", RECIPES)
def test_a_copy_with_another_path_can_be_run(pictures, fdd, name):
    said = fdd("run", copied(name), "--dry-run", "--plan=plan.json")
    assert said.code == 0, said.err
    assert "missing" not in said.out
    assert "dm recommended" in said.out
    assert not Path("runs").exists()
    said = fdd("run", f"own/{name}", "--dry-run")  # as it is, before anything is changed
    assert said.code == 0, said.err
    assert "path 'photos' does not exist" in said.out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two_groups", "balanced_test"])
def test_a_copy_runs_to_its_end(pictures, fdd, name):
    mine = Path(copied(name))
    text = mine.read_text()
    for long, short in SHORT.items():
        assert long in text
        text = text.replace(long, short)
    mine.write_text(text)
    said = fdd("run", mine)
    assert said.code == 0, said.err
    rows: list[dict] = written_rows(f"runs/{name}/results.json")
    assert len(rows) >= 5
    for row in rows:
        assert row["dataset"] == "pictures"
        assert len(row["cell_count"][0]) == GROUPS[name]
    if name == "balanced_test":
        assert rows[0]["cell_count"] == [[6, 6], [6, 6]]
