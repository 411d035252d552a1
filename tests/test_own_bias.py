"""What a user's own biased images lead to at the command line: a judgement that does not reward the bias.

Drawn textures with a tint bias of 97%, the test images drawn from the same folder: a network that reads the tint alone
is right in most test images. The table has to show that FairDD helps all the same.
"""

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.fakes_tinted import PATTERNS, TINTS, write_tinted
from tests.tiny import QUIET, write_recipe
from tests.written_rows import written_rows

DATA = {"name": "folder", "path": "textures", "table": "labels.csv", "size": 16, "test_share": 0.3}
SMALL = {"methods": ["random"], "eval": {"count": 1, "epochs": 1, "networks": [{"name": "convnet", "width": 4}]}}


@pytest.fixture
def textures(workdir, monkeypatch):
    """The textures below the current folder, few of each pattern in another tint than its own."""
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))
    write_tinted(workdir / "textures", majority=300, minority=10)
    return workdir / "textures"


@pytest.mark.slow
def first_table(path):
    """Return the lines of a report's first table."""
    return [line for line in Path(path).read_text().partition("\n\n")[0].splitlines() if line.startswith("|")]


def test_the_table_shows_that_fairdd_helps(textures, fdd):
    write_recipe(
        Path("r.yaml"),
        data=DATA,
        weightings=["vanilla", "fairdd"],
        ipcs=[10],
        fit=None,
        distill={"iterations": 100, "surrogate.network.width": 8},
        eval={"count": 3, "epochs": 100, "preset": "quick", "networks": [{"name": "convnet", "width": 8}]},
    )
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    assert "(drawn, as biased as the rest: 'bars' and 'blue' has 10, a balanced test needs 30" in said.err
    vanilla, fairdd = written_rows("runs/tiny/results.json")
    assert vanilla["cell_count"] == [[90 if c == g else 3 for g in range(4)] for c in range(4)]

    def percent(row, metric):
        return 100 * row["metrics"][metric]["mean"]

    assert percent(vanilla, "accuracy") > percent(fairdd, "accuracy")
    for metric in ("balanced_accuracy", "conflict_accuracy"):
        assert percent(fairdd, metric) > percent(vanilla, metric) + 5
    cells = [value for line in fairdd["cell_accuracy"] for value in line]
    assert percent(fairdd, "balanced_accuracy") == pytest.approx(100 * sum(cells) / 16)
    # The majority's cells, one of each pattern, are the only ones that are judged by themselves: no gap between two.
    assert vanilla["small_cells"] == 12
    assert vanilla["metrics"]["deo_mean"] is None
    table = Path("runs/tiny/table.md").read_text()
    shown = first_table("runs/tiny/table.md")
    head, _, *lines = ([cell.strip() for cell in line.split("|")[1:-1]] for line in shown)
    assert not {"accuracy", "balanced", "aligned", "conflict"} - set(head)
    assert "worst" not in head  # no class has two cells that are judged
    bold = [(line[0], title) for line in lines for title, cell in zip(head, line, strict=True) if "**" in cell]
    assert ("fairdd", "balanced") in bold  # three networks may not be enough to tell vanilla from it
    assert {title for _, title in bold} == {"balanced"}
    assert "textures: 16 (class, group) cells of 3 to 90 test images" in table
    assert "bold goes by balanced" in table
    assert "12 of 16 (class, group) cells" in table
    assert "left out of DEO_M, DEO_A and worst" in table
    assert Path("runs/tiny/distill/textures").is_dir()
    # Rows of older code lack the metric: their cells have it.
    old = json.loads(Path("runs/tiny/results.json").read_text())
    for row in old["rows"]:
        del row["metrics"]["balanced_accuracy"], row["small_cells"]
    Path("old").mkdir()
    Path("old/results.json").write_text(json.dumps(old))
    assert fdd("report", "old", "--output=report").code == 0
    table = Path("report/table.md").read_text()
    assert f"**{percent(fairdd, 'balanced_accuracy'):.1f}**" in table


def test_a_folder_with_images_enough_is_tested_evenly(workdir, monkeypatch, fdd):
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))
    write_tinted(workdir / "textures", majority=60, minority=30)
    arguments = ("--data.path=textures", "--data.table=labels.csv", "--data.size=8")
    said = fdd("data", "prepare", "folder", *arguments)
    assert said.code == 0, said.err
    assert "440 for training, 160 for the test (drawn, 10 of every class and group)" in said.err
    assert "Cramer's V of class and group 0.27 (p < 0.001): aligned is each class's majority" in said.out
    assert "(bars: amber; checks: blue; rows: green; ... (4))" in said.out
    said = fdd("data", "prepare", "folder", *arguments, "--data.test=proportional")
    assert "480 for training, 120 for the test (drawn, as biased as the rest)" in said.err
    said = fdd("data", "show", "folder", *arguments)
    assert (said.code, said.out) == (0, "textures_train.png\n")
    assert "textures, training images: Cramer's V of class and group 0.27" in said.err
    Image.open("textures_train.png").verify()
    # On an even test set plain accuracy is the balanced one: the table is what it always was.
    data = {**DATA, "size": 8, "test_share": 0.2, "init_args": {"name": "weave"}}
    write_recipe(Path("r.yaml"), data=data, weightings=["vanilla", "fairdd"], fit=None, distill=None, **SMALL)
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    rows: list[dict] = written_rows("runs/tiny/results.json")
    assert [row["dataset"] for row in rows] == ["weave"] * 2
    for row in rows:
        assert {count for line in row["cell_count"] for count in line} == {10}
        assert row["metrics"]["balanced_accuracy"]["mean"] == pytest.approx(row["metrics"]["accuracy"]["mean"])
        assert row["small_cells"] == 0
        assert row["metrics"]["aligned_accuracy"]
        assert row["metrics"]["deo_mean"]
    assert "balanced" not in said.out
    assert Path("runs/tiny/distill/weave").is_dir()
    # A lone evaluation takes the file's entry and parameters, and its rows keep the name.
    made = next(Path("runs/tiny/distill/weave").glob("*/synthetic.safetensors"))
    small = ("--model.network.width=4", "--model.network.depth=1", "--model.count=1", "--model.epochs=1")
    said = fdd("eval", f"--synthetic={made}", "--data.path=textures", *small, "--trainer.logger=false", "--output=x")
    assert said.code == 0, said.err
    assert written_rows("x/results.json")[0]["dataset"] == "weave"


def test_the_group_of_each_class_may_be_named(textures, fdd, refused):
    arguments = ["--data.path=textures", "--data.table=labels.csv", "--data.size=8"]
    other = dict(zip(PATTERNS, [*list(TINTS)[1:], next(iter(TINTS))], strict=True))
    Path("mine.yaml").write_text(
        yaml.safe_dump(
            {"class_path": "fdd_lightning.datamodules.Folder", "init_args": {"path": "textures", "majority": other}}
        )
    )
    assert fdd("data", "prepare", "mine.yaml", *arguments[1:]).out.count("96.97% bias-conflicting") == 1
    for majority, told in (
        ('{"bars": "amber"}', "majority says nothing of class 'checks'"),
        ('{"bras": "amber"}', "there is no class 'bras' (did you mean 'bars'?)"),
        ('{"bars": "red"}', "there is no group 'red'"),
    ):
        assert told in refused("data", "prepare", "folder", *arguments, f"--data.majority={majority}")


def test_other_images_are_other_rows(textures, fdd):
    small = {**SMALL, "fit": None, "distill": None}
    for share in (0.0, 0.8):
        write_recipe(Path("r.yaml"), name=f"v{share}", data={**DATA, "size": 8, "validation": share}, **small)
        assert fdd("run", "r.yaml").code == 0
    said = fdd("report", "runs/v0.0", "runs/v0.8", "--output=report")
    lines = first_table("report/table.md")
    assert len(lines) == 2 + 2, said.out
    assert "validation=0.8" in said.out


def test_two_folders_are_told_apart(textures, fdd, refused):
    write_tinted(Path("more/textures"), majority=4, minority=3)
    write_tinted(Path("linen"), majority=4, minority=3)
    small = {**SMALL, "fit": None, "distill": None}

    def recipe(path, **init_args):
        return {**DATA, "size": 8, "path": path, **({"init_args": init_args} if init_args else {})}

    write_recipe(Path("r.yaml"), data=[recipe("textures"), recipe("linen")], **small)
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    assert [row["dataset"] for row in written_rows("runs/tiny/results.json")] == ["textures", "linen"]
    assert sorted(path.name for path in Path("runs/tiny/distill").iterdir()) == ["linen", "textures"]
    write_recipe(Path("r.yaml"), data=[recipe("textures"), recipe("more/textures")], **small)
    line = refused("run", "r.yaml")
    assert "two data sets are called 'textures' (textures, labels.csv and more/textures, labels.csv)" in line
    write_recipe(Path("r.yaml"), data=[recipe("textures"), recipe("more/textures", name="more")], **small)
    assert fdd("run", "r.yaml", "--dry-run").code == 0
    for name in ("cmnist", "a/b", "", ".."):
        write_recipe(Path("r.yaml"), data=recipe("textures", name=name), **small)
        assert f"{name!r}" in refused("run", "r.yaml")


def test_runs_of_two_folders_of_one_name_share_no_panel(textures, fdd):
    write_tinted(Path("more/textures"), majority=4, minority=3)
    small = {**SMALL, "methods": ["random", "full"], "fit": None, "distill": None}
    for name, path in (("one", "textures"), ("two", "more/textures")):
        write_recipe(Path("r.yaml"), name=name, data={**DATA, "size": 8, "path": path}, **small)
        assert fdd("run", "r.yaml").code == 0
    assert [row["dataset"] for row in written_rows("runs/two/results.json")] == ["textures"] * 2
    said = fdd("report", "runs/one", "runs/two", "--output=report")
    assert said.code == 0
    lines = first_table("report/table.md")[2:]
    names = ["textures (textures)", "textures (more/textures)"]
    assert [line.split(" | ")[:2] for line in lines] == [
        [f"| {run}", name] for run, name in zip(("one", "two"), names, strict=True) for _ in range(2)
    ]
    assert "against" not in said.out
    assert "path=" not in said.out
    assert fdd("report", "runs/two", "--output=report").out.count("more/textures)") == 0


def test_label_free_signals_are_judged_by_the_groups_of_a_folder(textures, fdd):
    """Nobody constructed its bias: what goes against it are the images outside each class's largest group."""
    data = ("--data=Folder", "--data.path=textures", "--data.table=labels.csv", "--data.size=8", *QUIET)
    small = ("--model.network.width=8", "--model.hidden=8", "--model.steps=20", "--output=encoder")
    said = fdd("fit", "--config=encoder/supcon_small", *small, *data)
    assert said.code == 0, said.err
    assert ", auroc mean " in said.out
    assert ", conflict mass " in said.out
    few = ("--model.iterations=1", "--model.surrogate.network.width=4", "--model.images_per_class=1", "--output=set")
    said = fdd("distill", "--config=method/dm_recommended", *few, *data)
    assert said.code == 0, said.err
    assert "textures: by the group labels, which decide nothing here: AUROC " in said.err
    assert "of images that go against the bias" in said.err
    said = fdd("distill", "--config=method/dm_recommended", *few, *data, "--data.group=null")
    assert said.code == 0, said.err
    assert "by the group labels" not in said.err
