"""Help and refusals come before torch and Lightning are imported; a large plan is made without parsing each row."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.arguments import read
from fdd_lightning.errors import FDDError
from fdd_lightning.stages import parser, settling
from fdd_lightning.stages.early import refuse_early
from fdd_lightning.stages.noted_classes import NotedClasses, NotNotedError, place_of_notes
from fdd_lightning.stages.noting import note_classes, notes
from fdd_lightning.stages.stage_run import run_stage

HEAVY = {"torch", "lightning", "torchmetrics", "torchvision", "scipy", "sklearn", "matplotlib"}
SECONDS = 2.0
TELLING = (
    "import sys; from fdd_lightning.__main__ import main; code = main(sys.argv[1:]);"
    "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr); sys.exit(code)"
)


def started(*args, code=0):
    """Run a command in a fresh process; return what it said, having looked at what it imported and how long it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", TELLING, *args], check=False, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *said, modules = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert not HEAVY & {*modules.split()}
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS
    return "\n".join(said)


@pytest.fixture
def noted(workdir):
    note_classes()  # once for all tests, as their cache is one
    found = NotedClasses.read()
    assert found is not None
    return found


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--version"],
        ["list"],
        ["list", "methods"],
        *([name, "--help"] for name in ("data", "audit", "run", "report", "doctor")),
    ],
)
def test_help_without_anything_kept(args, workdir, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(workdir / "cache"))
    assert started(*args) == ""


def test_help_of_the_stages_once_it_is_kept(fdd, workdir, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(workdir / "cache"))
    fdd("distill", "--help")
    started("distill", "--help")


REFUSED = {
    "run nowhere": "recipe 'nowhere' does not exist",
    "run quickstart --dryrun": "unrecognized arguments: --dryrun",
    "report nowhere": "results 'nowhere' do not exist",
    "report runs --figs=3": "unrecognized arguments: --figs=3",
    "audit nowhere": "data set 'nowhere' is neither in configs/data",
    "data prepare nowhere.yaml": "file 'nowhere.yaml' does not exist",
    "data prepare cmnist --data.colour=red": "cmnist: --data.colour: no such argument",
    "data show cmnist --conflict_ratio few": "cmnist: --data.conflict_ratio: expected float, not 'few'",
    "fit --model.stepps=3": "--model.stepps: no such option of SupCon",
    "fit --model.steps=few": "--model.steps: expected int, not 'few'",
    "distill --model=dmm": "--model: there is no class 'dmm' for it",
    "distill --model.weighting=kde --model.weighting.capp=2": "--model.weighting.capp: no such option of KDE",
    "distill --trainer.max_stepps=3": "unrecognized arguments: --trainer.max_stepps=3",
    "distill --trainer.max_steps few": "--trainer.max_steps: expected int, not 'few'",
    "distill --config=nowhere.yaml": "--config nowhere.yaml: there is no such file",
    "distill --model=dm --encoder nowhere": "--encoder nowhere: no such file",
    "eval --data=colored_digits --synthetic=nowhere": "--synthetic nowhere: no such file",
    "eval --model.preset=fast": "--model.preset 'fast' is not in configs/eval",
    "eval --model.count=1.5": "--model.count: expected int",
    "distill --model.iterations=-3": "iterations must be at least 1, not -3",
    "distill --model=dm --model.images_per_class 0": "images_per_class must be at least 1, not 0",
    "eval --model.lr=-1": "lr must be at least 0, not -1.0",
    "fit --model.temperature=0": "SupCon temperature must be above 0, not 0.0",
}


@pytest.mark.parametrize("line", REFUSED)
def test_refused_without_torch(line, noted):
    said = started(*line.split(), code=2)
    assert REFUSED[line] in said
    assert said.startswith("fdd: error: ")
    assert said.count("\n") == 0


@pytest.mark.parametrize("line", [line for line in REFUSED if line.startswith(("fit", "distill", "eval"))])
def test_the_line_is_that_of_the_stage(line, noted):
    stage, *args = line.split()
    with pytest.raises(FDDError) as early:
        refuse_early(stage, args, noted)
    with pytest.raises(FDDError) as late:
        run_stage(stage, args)
    assert str(early.value) == str(late.value)
    assert type(early.value) is type(late.value)


@pytest.mark.parametrize(
    ("stage", "option", "kind"),
    [
        ("distill", "--model=", "method"),
        ("distill", "--model.weighting=", "weighting"),
        ("eval", "--model.preset=", "eval"),
        ("eval", "--model.learner=", "trainer"),
        ("distill", "--data=", "data"),
        ("fit", "--model=", "experts"),
    ],
)
def test_what_is_noted_is_what_the_classes_say(stage, option, kind, noted):
    for name in menu.names(kind):
        args = [f"{option}{name}"]
        assert settling.settled(noted.stage_kind(stage), read(args, noted.place)) == parser.settled(stage, args)
        refuse_early(stage, args, noted)


def test_a_class_of_ones_own_is_never_noted(noted, refused):
    Path("own_kde.py").write_text(
        "from fdd_lightning.matching.weightings import KDE\n"
        "class Mine(KDE):\n"
        "    def __init__(self, power: float = 2.0) -> None:\n"
        "        super().__init__()\n"
    )
    args = ("--model.weighting=own_kde.Mine", "--model.weighting.powr=3")
    assert "--model.weighting.powr: no such option of Mine" in refused("distill", *args)
    assert not any("own_kde" in path for path in notes()["classes"])
    with pytest.raises(NotNotedError):
        settling.settled(noted.stage_kind("distill"), read(args, noted.place))
    refuse_early("distill", args, noted)


def ours(told):
    """What is noted of this package's own classes: of torch's, it is what was imported until then."""
    classes = {path: noted for path, noted in told["classes"].items() if path.startswith("fdd_lightning.")}
    for noted in classes.values():
        noted["below"] = [path for path in noted["below"] if path.startswith("fdd_lightning.")]
    return {**told, "classes": classes, "aliases": {k: v for k, v in told["aliases"].items() if v in classes}}


def test_notes_are_those_of_the_menu_and_the_versions_that_are_here(noted, monkeypatch):
    before = place_of_notes()
    assert before is not None
    assert ours(json.loads(before.read_text())) == ours(json.loads(json.dumps(notes())))
    Path("configs/eval").mkdir(parents=True)
    Path("configs/eval/quick.yaml").write_text("based_on: reference\n")
    assert place_of_notes() != before
    Path("configs/eval/quick.yaml").unlink()
    assert place_of_notes() == before
    monkeypatch.setattr("fdd_lightning.stages.noted_classes.version", lambda package: "0")
    assert place_of_notes() != before


def test_damaged_notes_are_left_alone(refused, workdir, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(workdir / "cache"))
    place = place_of_notes()
    assert place is not None
    place.parent.mkdir(parents=True)
    place.write_text("{")
    assert "--model.stepps: no such option of SupCon" in refused("fit", "--model.stepps=3")


GRID = """\
name: grid
data: [colored_digits, {name: colored_digits, conflict_ratio: 0.05}, {name: colored_digits, conflict_ratio: 0.2}]
methods: [random, dm, dream, cafe, idm]
weightings: [vanilla, kde, fairdd, barycenter, group_kde]
ipcs: [1, 5, 10, 20]
eval: {networks: [convnet], trainers: [erm], count: 2}
"""


def test_the_plan_of_300_rows_parses_few_configurations(fdd, monkeypatch):
    Path("grid.yaml").write_text(GRID)
    whole = parser.StageParser.resolve
    calls = []

    def counted(self, words):
        calls.append(words)
        return whole(self, words)

    monkeypatch.setattr(parser.StageParser, "resolve", counted)
    begun = os.times()
    said = fdd("run", "grid.yaml", "--dry-run", "--plan", "plan.json")
    ended = os.times()
    assert said.code == 0, said.err
    assert len(json.loads(Path("plan.json").read_text())) == 300
    assert len(calls) <= 8
    assert ended.user - begun.user < 10.0
