"""Names from outside, as they reach a terminal and the files that people open."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from fdd_lightning import SyntheticSet
from fdd_lightning.errors import shown
from tests.fakes_folder import write_class_folders
from tests.tiny import EVAL, write_recipe

FIXTURES = Path(__file__).parents[1] / "fixtures" / "format_1"
EVIL = "\x1b]0;owned\x07\x1b[2Ja\n<script>alert(1)</script>|[b](http://x)\u202etac\x9b31m"
TELLING = ("\x1b", "\x07", "\x9b", "\u202e", "\r")


def clean(*texts: str) -> None:
    assert [(char, text) for text in texts for char in TELLING if char in text] == []


DATA = ("--data=folder", "--data.path=photos", "--data.table=labels.csv", "--data.size=16")


@pytest.fixture
def here(workdir, monkeypatch):
    shutil.copytree(FIXTURES, workdir, dirs_exist_ok=True)
    monkeypatch.setenv("FDD_CACHE", "cache")
    return workdir


def test_what_is_shown():
    for text in ("cat", "Käfer", "猫", "👩\u200d🔬", "a b"):
        assert shown(text) == text
    assert shown("a\r\n\tb\u2028c") == "a   b c"
    clean(shown(EVIL))


def test_a_set(here, fdd):
    file = "set/synthetic.safetensors"
    with safe_open(file, "pt") as opened:
        tensors, metadata = {key: opened.get_tensor(key) for key in opened.keys()}, opened.metadata()["fdd"]  # noqa: SIM118
    metadata = json.loads(metadata)
    metadata |= {"dataset": EVIL, "method": EVIL, "weighting": EVIL}
    save_file(tensors, file, {"fdd": json.dumps({**metadata, "class_names": [EVIL, "b"]})})
    clean(repr(SyntheticSet.load(file)), (said := fdd(*EVAL, f"--synthetic={file}", *DATA, "--output=x")).err)
    assert said.code == 2
    save_file(tensors, file, {"fdd": json.dumps(metadata)})
    said = fdd(*EVAL, f"--synthetic={file}", *DATA, "--output=x")
    assert said.code == 0, said.err
    clean(said.out, said.err, Path("x/results.json").read_text(), repr(SyntheticSet.load(file)))
    said = fdd(*EVAL, f"--synthetic={file}", "--output=y")
    assert said.code == 2
    clean(said.err)


def test_results(here, fdd):
    document = json.loads(Path("eval/results.json").read_text())
    row = document["rows"][0]
    row |= {"dataset": EVIL, "method": EVIL, "settings": {EVIL: EVIL}, "network": "[bold]x[/nothing]"}
    failed = [{"identity": {}, "stage": EVIL, "error": EVIL}]
    Path("eval/results.json").write_text(json.dumps({**document, "planned": 3, "failed": failed}))
    said = fdd("report", "eval", "eval_mtt", "--output=x")
    assert said.code == 0, said.err
    table = Path("x/table.md").read_text()
    clean(said.out, said.err, table)
    assert "<script>" not in table
    assert "[b](" not in table.replace("\\[", "")
    lines = [line for line in table.splitlines()[1:] if line and line != "How sure each figure is:"]
    assert {line[0] for line in lines} == {"|", "-"}


def test_a_table_of_images_and_file_names(here, fdd):
    names = write_class_folders(here / "own", count=8)
    for i, name in enumerate(names):
        Path(here / "own" / name).rename(here / "own" / Path(name).parent / f"{i}\x1b[2J\u202e.png")
    (here / "own" / "a.\x1b[2J").touch()
    (here / "own" / "cat" / "a.\x1b[2J").touch()
    files = sorted(str(path.relative_to(here / "own")) for path in (here / "own").rglob("*.png"))
    with Path("own.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "target", "group\x1b[2J"])
        writer.writerows([file, f"{EVIL}{i % 2}", "\x1b[31mred\x1b[0m"] for i, file in enumerate(files))
    own = ("folder", "--data.path=own", "--data.size=16")
    for args in (own, (*own, "--data.table=own.csv"), (*own, "--data.table=own.csv", "--data.classes=[cat]")):
        for command in ("prepare", "show"):
            said = fdd("data", command, *args)
            clean(said.out, said.err)
    said = fdd("audit", *own, "--data.table=own.csv", "--output=page")
    clean(said.out, said.err, Path("page/audit.html").read_text() if Path("page").exists() else "")
    assert not Path("page/audit.html").exists() or "<script>" not in Path("page/audit.html").read_text()


def test_a_plan_and_a_refusal(here, fdd):
    write_recipe(
        here / "r.yaml", name="[bold]x", data={"name": "folder", "path": "photos", "table": "labels.csv", "size": 16}
    )
    said = fdd("run", "r.yaml", "--dry-run")
    assert said.code == 0, said.err
    assert "[bold]x: 1 rows" in said.out
    for args in (("run", EVIL), ("distill", f"--model={EVIL}"), ("data", "prepare", EVIL), ("report", EVIL), (EVIL,)):
        said = fdd(*args)
        assert (said.code, said.err.count("\n")) == (2, 1)
        clean(said.err)
