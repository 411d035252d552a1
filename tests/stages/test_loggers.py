"""Lightning's loggers by their own names, in the stage's folder, through the command line."""

import csv
import json
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from tests.tiny import DISTILL, EVAL, FIT, SELECT, write_recipe

STEPS = 6
EVERY = "--trainer.log_every_n_steps=1"


def logged(stage, *more):
    return (*(word for word in stage if word != "--trainer.logger=false"), EVERY, *more)


def table(folder):
    with Path(folder, "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def stop_early(fdd, monkeypatch, command):
    """Let a stage be stopped by time after its first step."""
    with monkeypatch.context() as patch:
        patch.setattr("fdd_lightning.trainer.callbacks.time", SimpleNamespace(monotonic=count(step=3600).__next__))
        assert fdd(*command, "--trainer.max_time=00:00:10:00").code == 1


@pytest.mark.parametrize("stage", [FIT, DISTILL], ids=["fit", "distill"])
def test_a_table_in_the_folder_of_the_stage(stage, fdd):
    assert fdd(*logged(stage, "--trainer.logger=CSVLogger"), "--output=x").code == 0
    rows = [row for row in table("x/csv") if row[f"{stage[0]}/loss"]]
    assert [row["step"] for row in rows] == ["0", "1", "2"]
    assert "seed: 0" in Path("x/csv/hparams.yaml").read_text()
    assert not Path("x/tensorboard").exists()
    assert not Path("lightning_logs").exists()
    # What is logged is no part of the work.
    assert fdd(*stage, "--output=x").out.startswith("finished: ")


def test_an_evaluation_has_its_figures_there(fdd):
    assert fdd(*SELECT, "--output=set").code == 0
    words = ("--synthetic=set/synthetic.safetensors", "--trainer.logger", "CSVLogger", "--trainer.logger.version=mine")
    assert fdd(*logged(EVAL), *words, "--output=x").code == 0
    (accuracy,) = [row["eval/accuracy"] for row in table("x/mine") if row["eval/accuracy"]]
    assert 0 <= float(accuracy) <= 1


def test_a_table_goes_on_where_the_stage_does(fdd, monkeypatch):
    loggers = "--trainer.logger=[CSVLogger, TensorBoardLogger]"
    command = logged(DISTILL, loggers, f"--model.iterations={STEPS}", "--output=x")
    stop_early(fdd, monkeypatch, command)
    with Path("x/csv/metrics.csv").open("a") as file:  # a step that comes again
        file.write(",".join("5" for _ in table("x/csv")[0]) + "\n")
    assert fdd(*command).err == "resuming distill at step 1\n"
    assert [int(row["step"]) for row in table("x/csv") if row["distill/loss"]] == list(range(STEPS))
    events = EventAccumulator("x/tensorboard").Reload().Scalars("distill/loss")
    assert [event.step for event in events] == list(range(STEPS))
    assert not Path("x/csv-1").exists()
    # Other work begins a table of its own.
    assert fdd(*command, "--model.seed=1").code == 0
    assert Path("x/csv-1/metrics.csv").exists()
    assert Path("x/tensorboard-1").exists()


def test_recipes_and_files_may_name_one(fdd):
    write_recipe(Path("r.yaml"), distill={"iterations": 2, "surrogate.network.width": 4, "trainer.logger": "CSVLogger"})
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    assert list(Path("runs/tiny").rglob("csv/hparams.yaml"))
    Path("c.yaml").write_text("trainer: {logger: {class_path: CSVLogger}}")
    assert fdd(*logged(DISTILL), "--config=c.yaml", "--output=y").code == 0
    assert table("y/csv")


def test_a_package_that_is_missing_is_named(refused, monkeypatch):
    monkeypatch.setattr("fdd_lightning.stages.loggers.find_spec", lambda name: None)
    line = refused(*logged(DISTILL, "--trainer.logger=WandbLogger"), "--output=x")
    assert line == "--trainer.logger WandbLogger needs a package that is not here: pip install wandb"
    assert not Path("x").exists()


STUB = """
import json
from pathlib import Path

run = None


class Config(dict):
    def update(self, values, allow_val_change=False):
        super().update(values)


class Run:
    def __init__(self, **arguments):
        self.arguments, self.config, self.rows = arguments, Config(), []

    def log(self, metrics):
        self.rows.append({key: float(value) for key, value in metrics.items()})

    def finish(self):
        global run
        run = None
        arguments = {key: str(value) for key, value in self.arguments.items()}
        with Path("wandb.jsonl").open("a") as file:
            file.write(json.dumps([arguments, self.rows, sorted(self.config)]) + chr(10))


def init(**arguments):
    global run
    run = Run(**arguments)
    return run
"""


@pytest.fixture
def forget(workdir, monkeypatch):
    """A package ``wandb`` that writes down what it is told; forgets it, as another process would not know it."""
    package = Path("stub", "wandb")
    (package / "sdk").mkdir(parents=True)
    (package / "__init__.py").write_text(STUB)
    (package / "sdk" / "__init__.py").write_text("")
    (package / "sdk" / "lib.py").write_text("class RunDisabled: pass")
    (package / "wandb_run.py").write_text("class Run: pass")
    monkeypatch.syspath_prepend(str(package.parent.absolute()))
    monkeypatch.setattr("lightning.pytorch.loggers.wandb._WANDB_AVAILABLE", True)

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] == "wandb"]:
            del sys.modules[name]

    yield forget
    forget()


def test_a_run_at_weights_and_biases_is_gone_on_with(fdd, forget, monkeypatch):
    def said():
        return [json.loads(line) for line in Path("wandb.jsonl").read_text().splitlines()]

    command = logged(DISTILL, "--trainer.logger=WandbLogger", f"--model.iterations={STEPS}", "--output=x")
    stop_early(fdd, monkeypatch, command)
    run = Path("x/wandb/fdd-run-id").read_text()
    forget()
    assert fdd(*command).err == "resuming distill at step 1\n"
    ((arguments, rows, config),) = said()
    told = {"id": run, "project": "fdd-lightning", "dir": "x", "resume": "allow"}
    assert told.items() <= arguments.items()
    assert [int(row["trainer/global_step"]) for row in rows if "distill/loss" in row] == list(range(1, STEPS))
    assert {"dataset", "iterations"} <= {*config}
    assert fdd(*command, "--model.seed=1").code == 0
    assert said()[1][0]["id"] == Path("x/wandb/fdd-run-id").read_text() != run
