"""What no output may be: something that is read by the same command, or that cannot be written."""

from pathlib import Path

import pytest

from tests.fakes_folder import write_class_folders
from tests.tiny import DISTILL, EVAL, FIT, write_recipe


@pytest.fixture
def here(workdir, monkeypatch):
    """A folder of images, one of data sets, and a recipe; all of it is as it was afterwards."""
    monkeypatch.setenv("FDD_CACHE", str(workdir.parent / "cache"))
    monkeypatch.setenv("FDD_DATA", "data")
    write_class_folders(workdir / "photos", count=4)
    Path("data").mkdir()
    Path("a.txt").write_text("words")
    write_recipe(workdir / "r.yaml", data={"name": "folder", "path": "photos", "size": 16})

    def content():
        return {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}

    before = content()
    yield workdir
    assert content() == before


FOLDER = ("folder", "--data.path=photos", "--data.size=16")
OUTPUTS = {
    "photos": "is read here",
    "photos/cat": "lies in photos, which is read here",
    "a.txt": "is a file",
    "a.txt/b": "a.txt is a file, not a folder",
    "data": "is the folder of the data sets",
    "": "is no name of a folder",
    " ": "is no name of a folder",
    "null": "is no name of a folder",
    "x\x1b[2Jy": "is no name of a folder",
    "s3://bucket/x": "is no name of a folder",
    "n" * 300: "a name of 300 letters is longer than a file system takes",
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "args",
    [
        (*DISTILL, "--data=Folder", "--data.path=photos"),
        (*FIT, "--data=Folder", "--data.path=photos"),
        (*EVAL, "--data=Folder", "--data.path=photos"),
        ("run", "r.yaml", "--dry-run"),
        ("run", "r.yaml"),
        ("audit", *FOLDER),
        ("import", "photos", "--data=folder", *FOLDER[1:]),
    ],
    ids=["distill", "fit", "eval", "plan", "run", "audit", "import"],
)
def test_folders(here, refused, args, output):
    line = refused(*args, f"--output={output}")
    assert "--output" in line
    assert OUTPUTS[output] in line


@pytest.mark.parametrize("plan", ["r.yaml", "photos/cat/0.png", ".", "", "runs/tiny/results.json", "a.txt/b"])
def test_plans(here, refused, plan):
    assert "--plan" in refused("run", "r.yaml", "--dry-run", f"--plan={plan}")


def test_pictures(here, refused):
    for output in ("photos/cat/0.png", "photos/new.png", ".", "", "a.txt/b.png"):
        assert "--output" in refused("data", "show", *FOLDER, f"--output={output}")
