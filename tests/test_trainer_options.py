"""What people do with the trainer and the command line: it works, stands in the row, or is refused in one line."""

import inspect
import json
import os
import subprocess
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from lightning import Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from fdd_lightning import SyntheticSet
from fdd_lightning.configuration.trainer_settings import INDIFFERENT, decisive
from fdd_lightning.trainer import FDDTrainer
from tests.tiny import DISTILL, EVAL, SELECT, write_recipe
from tests.written_rows import written_rows

LONG = (*DISTILL, "--model.iterations=100000")
STEPS = 12
LOGGED = (*(a for a in DISTILL if a != "--trainer.logger=false"), f"--model.iterations={STEPS}")
LOGGED = (*LOGGED, "--trainer.log_every_n_steps=1", "--output=x")


def metadata(folder):
    return SyntheticSet.load(Path(folder, "synthetic.safetensors")).metadata


# A limit of time.


def test_time_that_is_up_leaves_a_stage_to_be_gone_on_with(fdd):
    said = fdd(*LONG, "--output=x", "--trainer.max_time=00:00:00:01")
    assert said.code == 1
    assert said.err.startswith("fdd: unfinished: distill dm vanilla ipc 1 at step ")
    assert said.err.endswith("0:00:01 of --trainer.max_time are over: the same command goes on\n")
    assert said.err.count("\n") == 1
    assert {path.name for path in Path("x").iterdir()} == {"config.yaml", "evolution", "last.ckpt", "stage.json"}
    # The same command has its time again, and more of it is no other work.
    for time in ("00:00:00:01", "{seconds: 2}"):
        steps = int(said.err.rpartition("at step ")[2].partition(" ")[0])
        said = fdd(*LONG, "--output=x", f"--trainer.max_time={time}")
        assert said.code == 1
        assert said.err.startswith(f"resuming distill at step {steps}\nfdd: unfinished: ")


def test_an_evaluation_that_is_stopped_leaves_no_row(fdd):
    assert fdd(*SELECT, "--output=set").code == 0
    command = (*EVAL, "--synthetic=set/synthetic.safetensors", "--output=x")
    assert fdd(*command, "--model.epochs=100000", "--trainer.max_time=00:00:00:01").code == 1
    assert not Path("x/results.json").exists()


def test_a_stage_stopped_by_time_ends_as_if_it_had_not_been(fdd, monkeypatch):
    whole = (*DISTILL, "--model.iterations=6")
    assert fdd(*whole, "--output=whole").code == 0
    with monkeypatch.context() as patch:
        patch.setattr("fdd_lightning.trainer.callbacks.time", SimpleNamespace(monotonic=count(step=3600).__next__))
        assert fdd(*whole, "--output=x", "--trainer.max_time=00:00:10:00").code == 1
    assert fdd(*whole, "--output=x").err == "resuming distill at step 1\n"
    made, expected = (Path(name, "synthetic.safetensors").read_bytes() for name in ("x", "whole"))
    assert made == expected


def test_a_row_whose_time_is_up_is_listed(fdd):
    evaluation = {"count": 1, "epochs": 100000, "trainer.max_time": "00:00:00:01"}
    write_recipe(Path("r.yaml"), methods=["random"], distill={}, eval=evaluation)
    said = fdd("run", "r.yaml")
    assert said.code == 1
    document = json.loads(Path("runs/tiny/results.json").read_text())
    assert document["rows"] == []
    assert "are over: the same command goes on" in document["failed"][0]["error"]


# What shortens or rounds.


def test_what_shortens_or_rounds_stands_in_set_and_row(fdd):
    assert fdd(*DISTILL, "--output=whole").code == 0
    assert "trainer_settings" not in metadata("whole")
    assert fdd(*DISTILL, "--output=set", "--trainer.max_steps=2", "--trainer.precision=bf16-mixed").code == 0
    told = {"trainer.max_steps": 2, "trainer.precision": "bf16-mixed"}
    assert metadata("set")["trainer_settings"] == told
    assert told.items() <= metadata("set")["settings"].items()
    said = fdd(*EVAL, "--synthetic=set/synthetic.safetensors", "--trainer.limit_test_batches=1", "--output=x")
    assert said.code == 0, said.err
    (row,) = written_rows("x/results.json")
    assert row["eval_settings"]["trainer.limit_test_batches"] == 1
    assert sum(map(sum, row["cell_count"])) == 256
    assert told.items() <= row["settings"].items()
    assert "limit_test_batches=1" in fdd("report", "x").out
    precise = fdd(*EVAL, "--synthetic=set/synthetic.safetensors", "--trainer.precision=bf16-mixed", "--output=y")
    assert precise.code == 0, precise.err
    assert "precision=bf16-mixed" in fdd("report", "x", "y").out.partition("limit_test_batches=1")[2]


def test_a_recipe_plans_what_its_rows_will_say(fdd):
    write_recipe(
        Path("r.yaml"),
        weightings=["kde"],
        fit={"encoder": "supcon_small", "steps": 2, "network.width": 4, "trainer.max_steps": 1},
        eval={"count": 1, "epochs": 2, "trainer.limit_test_batches": 1, "trainer.max_epochs": 1},
    )
    assert fdd("run", "r.yaml", "--plan=plan.json").code == 0
    (row,), (planned,) = written_rows("runs/tiny/results.json"), json.loads(Path("plan.json").read_text())
    assert planned == {key: row[key] for key in planned}
    assert row["settings"]["encoder.trainer.max_steps"] == 1
    assert row["eval_settings"]["trainer.limit_test_batches"] == 1
    assert row["eval_settings"]["trainer.max_epochs"] == 1
    assert sum(map(sum, row["cell_count"])) == 256


def test_every_setting_of_the_trainer_is_indifferent_or_known_to_be_plain():
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(Trainer.__init__).parameters.items()
        if parameter.default is not parameter.empty
    }
    assert decisive({**defaults, "max_epochs": -1}) == {}
    assert decisive({"limit_test_batches": 1.0, "overfit_batches": 0.0, "precision": "32-true"}) == {}
    assert set(INDIFFERENT) <= set(defaults)
    assert FDDTrainer(logger=False, accelerator="cpu").settings == {}


# What cannot be meant.


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--trainer.max_time=soon"], "--trainer.max_time 'soon' is no time: write days:hours:minutes:seconds"),
        (["--trainer.max_time=00:00:00:00"], "--trainer.max_time 00:00:00:00: nothing would be done"),
        (["--trainer.max_steps=0"], "--trainer.max_steps 0: nothing would be done"),
        (["--trainer.limit_train_batches=0"], "--trainer.limit_train_batches 0: nothing would be done"),
        (["--trainer.limit_test_batches=0.0"], "--trainer.limit_test_batches 0: nothing would be done"),
        (["--trainer.precision=16-mixed"], "16-mixed needs a GPU: take bf16-mixed"),
        (["--trainer.devices=-1"], "--trainer.devices: -1 is no number of processes"),
        (["--trainer.accelerator=tpu"], "--trainer.accelerator: there is no tpu here"),
        (["--trainer.strategy=ddp_spawn", "--trainer.devices=2"], "--trainer.strategy ddp_spawn cannot run stages"),
        (["--seed_everything=3"], "--model.seed"),
        (["--seed_everything", "-1"], "--data.seed"),
        (["--encoder="], "--encoder '' names nothing"),
        (["--output="], "--output '' is no name of a folder"),
        (["--output", " "], "--output ' ' is no name of a folder"),
        (["--output=null"], "--output 'null' is no name of a folder"),
        (["--trainer={max_steps: 3, max_steps: 4}"], "--trainer: line 1: 'max_steps' stands here twice"),
        (["--model.method= "], "method: ' ' is no name"),
        (["--model.method=a\x1b[31m"], r"method: 'a\x1b[31m' is no name"),
    ],
)
def test_one_line_and_nothing_is_left(refused, args, told):
    command = DISTILL if any(arg.startswith("--output") for arg in args) else (*DISTILL, "--output=x")
    assert told in refused(*command, *args)
    assert list(Path.cwd().iterdir()) == []


def test_an_empty_set_is_not_the_real_one(refused):
    assert "--synthetic '' names nothing" in refused(*EVAL, "--synthetic=", "--output=x")
    Path("c.yaml").write_text("synthetic: ''\n")
    assert "--synthetic '' names nothing" in refused(*EVAL, "--config=c.yaml", "--output=x")
    for command in (("run", "quickstart"), ("report", "x"), ("audit", "colored_digits")):
        assert "--output '' is no name of a folder" in refused(*command, "--output=")
    assert [path.name for path in Path.cwd().iterdir()] == ["c.yaml"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model:\n  init_args:\n    iterations: 2\n    iterations: 3\n", "line 4: 'iterations' stands here twice"),
        ("model: {}\nmodel: {}\n", "line 2: 'model' stands here twice"),
        ("foo: {}\n", "'foo' is no key of a configuration of `fdd distill`: the keys are"),
        ("trainer: {max_time: never}\n", "is no time"),
        ("output: null\n", "--output null names no folder"),
    ],
)
def test_configurations_that_are_not_understood(refused, text, told):
    Path("c.yaml").write_text(text)
    assert told in refused(*DISTILL, "--config=c.yaml")


def test_keys_that_are_merged_stand_once():
    from fdd_lightning.configuration.menu import load_yaml

    text = "a: &a {x: 1, y: 2}\nb: &b {<<: *a, x: 3}\nc: {<<: *b, y: 4}"
    assert load_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize("name", ["null", "[a]", "' '", '"a\\nb"', '"a\\e[31mb"', "true"])
def test_names_that_are_none(refused, name):
    Path("r.yaml").write_text(f"name: {name}\ndata: colored_digits\nmethods: [random]\n")
    assert "r.yaml: name: " in (line := refused("run", "r.yaml", "--dry-run"))
    assert "is no name" in line
    Path("r.yaml").write_text(f"name: x\ndata: {{name: {name}}}\nmethods: [random]\n")
    assert "r.yaml: data: " in refused("run", "r.yaml", "--dry-run")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_files_that_are_no_utf_8(refused, encoding):
    Path("r.yaml").write_text("# café\nname: x\ndata: colored_digits\nmethods: [random]\n", encoding=encoding)
    assert refused("run", "r.yaml").endswith("r.yaml is not UTF-8 text: save it as UTF-8")


def test_recipes_that_would_leave_nothing(refused):
    for setting, told in (("fast_dev_run: true", "leaves no result"), ("max_steps: 0", "nothing would be done")):
        Path("r.yaml").write_text(
            f"name: x\ndata: colored_digits\nmethods: [random]\nipcs: [1]\neval: {{trainer.{setting}}}\n"
        )
        assert told in refused("run", "r.yaml", "--dry-run")


# Callbacks of the user's.


def test_a_callback_that_fails_is_named(fdd):
    said = fdd(*DISTILL, "--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=loss", "--output=x")
    assert said.code == 2
    assert said.err.startswith("fdd: error: --trainer.callbacks: EarlyStopping: Early stopping conditioned on metric")
    assert said.err.count("\n") == 1


def test_a_timer_of_the_users_stands_beside_ours(fdd):
    timer = ("--trainer.callbacks+=Timer", "--output=x")
    assert fdd(*DISTILL, *timer, "--trainer.callbacks.duration=00:01:00:00").code == 0
    said = fdd(*LONG, *timer, "--trainer.callbacks.duration=00:00:00:01")
    assert said.code == 1
    assert "as a callback stopped it" in said.err.splitlines()[-1]


# Other work, and a stage that goes on.


def events(folder):
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    found.Reload()
    images = [event.step for event in found.Images("synthetic")]
    return [event.step for event in found.Scalars("distill/loss")], images


def test_curves_of_a_stage_that_goes_on_are_those_of_one_piece(fdd, monkeypatch):
    assert fdd(*LOGGED).code == 0
    whole = events("x/tensorboard")
    assert whole[0] == list(range(STEPS))

    def stop(self, trainer, *args):
        if trainer.global_step == 7:
            raise KeyboardInterrupt

    other = (*LOGGED, "--model.seed=1")
    with monkeypatch.context() as patch:
        patch.setattr("fdd_lightning.stages.stage_run.RESUME_EVERY", timedelta(0))
        patch.setattr("fdd_lightning.trainer.callbacks.StageProgress.on_train_batch_end", stop)
        said = fdd(*other)
    assert said.code == 130
    assert "x held other work, finished (distill): this replaces it" in said.err
    assert fdd(*other).err.startswith("resuming distill at step 6\n")
    assert events("x/tensorboard") == whole
    assert events("x/tensorboard-1") == whole


def test_a_checkpoint_says_what_it_overrules(fdd):
    assert fdd(*DISTILL, "--output=x").code == 0
    said = fdd(*DISTILL, "--ckpt_path=x/last.ckpt", "--model.lr_images=0.25", "--output=y")
    assert said.err.startswith("note: the settings in x/last.ckpt overrule those given: --model.lr_images=1.0")
    said = fdd(*DISTILL, "--ckpt_path=x/last.ckpt", "--output=z")
    assert "note" not in said.err


def test_a_checkpoint_that_saw_other_data_is_refused(fdd, refused):
    assert fdd(*DISTILL, "--output=x").code == 0
    line = refused(*DISTILL, "--data.conflict_ratio=0.5", "--ckpt_path=x/last.ckpt", "--output=y")
    assert "x/last.ckpt has seen other data or input files than this command names" in line


def test_an_edited_class_of_ones_own_is_other_work(fdd):
    text = "from fdd_lightning.matching.weightings import Vanilla\n\n\nclass Own(Vanilla):\n    K = 1\n"
    Path("mine.py").write_text(text)
    args = (*DISTILL, "--model.weighting=mine.Own", "--output=x")
    assert fdd(*args).code == 0
    assert fdd(*args).out == "finished: distill in x\n"
    Path("mine.py").write_text(text.replace("K = 1", "K = 2"))
    assert "finished" not in fdd(*args).out


# Locales.


def test_files_are_utf_8_whatever_the_locale(workdir):
    Path("r.yaml").write_text(
        "# café\nname: tiny\ndata: colored_digits\nmethods: [random]\nipcs: [1]\n"
        "eval: {count: 1, epochs: 1, networks: [{name: convnet, width: 4, depth: 2}]}\n",
        encoding="utf-8",
    )
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii:strict"}
    environment = {**os.environ, **ascii_only, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "fdd_lightning", "run", "r.yaml"],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"results: runs/tiny/results.json" in done.stdout
    Path("r.yaml").write_text(Path("r.yaml").read_text(encoding="utf-8").replace("tiny", "café"), encoding="utf-8")
    done = subprocess.run(done.args, env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(b"fdd: error: no file can be called '")
    assert b"Traceback" not in done.stderr
