"""`fdd run photos/`: a folder or a table of images instead of a recipe, judged in words."""

import re
from pathlib import Path

import pytest
import yaml

from tests.fakes_folder import write_class_folders, write_labelled
from tests.fakes_tinted import write_tinted
from tests.written_rows import written_rows


@pytest.fixture(autouse=True)
def own_cache(workdir, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))


def shrink(file):
    """Edit a recipe so that it takes seconds."""
    recipe = yaml.safe_load(file.read_text())
    recipe["methods"][1]["iterations"] = 2
    recipe["distill"]["surrogate.network.width"] = 4
    recipe["eval"] |= {"count": 2, "epochs": 2, "networks": [{"name": "convnet", "width": 4, "depth": 2}]}
    file.write_text(yaml.safe_dump(recipe, sort_keys=False))


def test_a_folder_without_groups_becomes_a_recipe_and_is_judged(workdir, fdd, refused):
    write_tinted(Path("photos"), majority=60, minority=4)
    Path("photos/labels.csv").unlink()
    said = fdd("run", "photos/", "--dry-run")
    assert said.code == 0, said.err
    assert "recipe: runs/photos/recipe.yaml (written; edit it to change anything)" in said.out
    assert re.search(r"left: about \d+ (s|min)", said.out), said.out
    assert sorted(path.name for path in Path("runs/photos").iterdir()) == ["recipe.yaml"]
    file = Path("runs/photos/recipe.yaml")
    recipe = yaml.safe_load(file.read_text())
    assert recipe["data"] == {"name": "folder", "size": 16, "path": "photos"}
    assert [method["weightings"] for method in recipe["methods"][:2]] == [["vote"], ["vanilla", "vote"]]
    assert recipe["methods"][2] == "full"
    assert fdd("run", "photos", "--dry-run").out.startswith("recipe: runs/photos/recipe.yaml\n")
    shrink(file)
    edited = file.read_text()
    said = fdd("run", "photos")
    assert said.code == 0, said.err
    assert file.read_text() == edited
    assert "recipe: runs/photos/recipe.yaml (as it was edited; remove it for a new one)" in said.out
    rows: list[dict] = written_rows("runs/photos/results.json")
    assert [(row["method"], row["weighting"], row["signal"]) for row in rows] == [
        ("random", "vote", "vote"),
        ("dm", "vanilla", None),
        ("dm", "vote", "vote"),
        ("full", "vanilla", None),
    ]
    for row in rows:
        assert row["metrics"]["against_crowd_accuracy"]
        assert row["metrics"]["conflict_accuracy"] is None
        assert 4 <= row["conflict_count"] <= 20  # 48 of 288 go against it, a fifth of all are in the test
        assert row["reads_groups"] in (None, False)
    lines, table = said.out.splitlines(), Path("runs/photos/table.md").read_text()
    judged = lines[lines.index("dm recommended vote (photos, ipc 10):") + 1 :]
    assert "on images that look like another class (no group labels: as their neighbours vote)" in judged[0]
    assert "right without the correction" in judged[0]
    assert judged[1].startswith("  on all images: ")
    assert judged[2].startswith("  trained on all images instead of 10 of a class: ")
    assert judged[3].startswith("  10 images of each class drawn in the same way: ")
    assert all(f"- {line.strip()}\n" in table for line in judged[:4])
    assert "against crowd" in table
    assert re.search(r"to hand over: runs/photos/distill/photos/.*/synthetic.safetensors", said.out)
    # What says something else than the recipe that is there is not ignored.
    assert "runs/photos/recipe.yaml was edited" in refused("run", "photos", "--data.size=8")
    assert "is the folder of a run" in refused("run", "runs/photos")


def test_a_table_brings_groups(workdir, fdd):
    write_labelled(Path("pets"), count=30)
    for source, output in (("pets/labels.csv", "a"), ("pets", "b")):
        said = fdd("run", source, "--dry-run", f"--output={output}", "--data.size=8", "--data.name", "animals")
        assert said.code == 0, said.err
    one, other = (yaml.safe_load(Path(f"{name}/recipe.yaml").read_text()) for name in "ab")
    assert one == other
    assert one["data"] == {
        "name": "folder",
        "size": 8,
        "path": "pets",
        "table": "labels.csv",
        "init_args": {"name": "animals"},
    }
    assert one["methods"][1]["weightings"] == ["vanilla", "fairdd", "vote"]
    assert "metrics" not in one["eval"]
    shrink(Path("a/recipe.yaml"))
    said = fdd("run", "a/recipe.yaml", "--output=a")
    assert said.code == 0, said.err
    assert "dm recommended fairdd (animals, ipc 10):" in said.out
    said = fdd("run", "pets", "--dry-run", "--output=b", "--data.size=16")  # nobody edited it
    assert "recipe: b/recipe.yaml (written anew)" in said.out
    assert '"size": 16' in Path("b/recipe.yaml").read_text()


def test_a_table_of_something_else_is_no_table_of_images(workdir, fdd):
    write_class_folders(Path("pets\u2028x: y"), count=12)
    Path("pets\u2028x: y/prices.csv").write_text("food,euro\ncat,3\n")
    said = fdd("run", "pets\u2028x: y", "--dry-run", "--data.name=pets", "--output=a")
    assert said.code == 0, said.err
    assert yaml.safe_load(Path("a/recipe.yaml").read_text())["data"]["path"] == "pets\u2028x: y"
    assert "prices.csv" in said.err


def test_what_is_no_folder_of_images_is_refused(workdir, refused):
    Path("empty").mkdir()
    assert "has no class folders" in refused("run", "empty")
    write_class_folders(Path("one"), classes=["cat"])
    assert "class" in refused("run", "one")
    Path("notes.txt").write_text("a: b")
    assert "notes.txt" in refused("run", "notes.txt")
    assert "unrecognized arguments: --data.size=3" in refused("run", "quickstart", "--data.size=3")
    write_class_folders(Path("two"))
    assert "no such argument" in refused("run", "two", "--data.sise=3")
    assert not Path("runs").exists()
