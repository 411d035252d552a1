"""Ctrl-C and SIGTERM: at once, with a checkpoint, and what is said is what happens."""

import json
import re
import signal
import time
from pathlib import Path

import pytest

from tests.processes import Process
from tests.test_resume import ARTEFACT, LONG, content
from tests.tiny import DISTILL, write_recipe

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
ENDLESS = (*DISTILL, "--model.iterations=1000000")


def stop(process, number):
    """Send a signal, check that the end comes soon, with the right code, and return the one line."""
    start = time.monotonic()
    assert process.signal(number) == SIGNALS[number], process.err
    assert time.monotonic() - start < 5
    assert "Traceback" not in process.err
    return process.err.splitlines()[-1]


def wait_for(path, process, more=0.0):
    deadline = time.monotonic() + 90
    while not Path(path).exists():
        assert process.process.is_alive(), process.err
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(more)


@pytest.mark.parametrize(
    ("stage", "number"),
    [("fit", signal.SIGTERM), ("distill", signal.SIGINT), ("distill", signal.SIGTERM), ("eval", signal.SIGTERM)],
)
def test_a_stage_saves_and_goes_on(fdd, tmp_path, stage, number):
    args = [*LONG[stage], "--output=cut"]
    process = Process(args, tmp_path / "cut", patient=0.1)  # no checkpoint by the clock, and slow steps
    wait_for("cut/stage.json", process, more=0.5)
    line = stop(process, number)
    told = re.fullmatch(rf"fdd: interrupted; the same command again goes on from step (\d+) of {stage}", line)
    assert told, line
    assert not (Path("cut") / ARTEFACT[stage]).exists()
    again = fdd(*args)
    assert again.err == f"resuming {stage} at step {told[1]}\n"
    assert fdd(*LONG[stage], "--output=whole").code == 0
    assert content("cut", stage) == content("whole", stage)


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_a_step_that_takes_too_long_is_cut_off(fdd, tmp_path, number):
    process = Process([*LONG["distill"], "--output=cut"], tmp_path / "cut", pause_at=8)
    process.wait_until_paused()
    assert stop(process, number) == "fdd: interrupted; the same command again goes on from step 7 of distill"
    assert fdd(*LONG["distill"], "--output=cut").err == "resuming distill at step 7\n"


def test_without_checkpoints_it_begins_anew(workdir, tmp_path):
    process = Process([*ENDLESS, "--output=cut", "--trainer.enable_checkpointing=false"], tmp_path / "cut")
    wait_for("cut/stage.json", process)
    assert stop(process, signal.SIGTERM) == "fdd: interrupted; the same command again begins distill anew"
    assert not list(Path("cut").glob("*.ckpt"))


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_a_run(fdd, tmp_path, number):
    recipe = {"methods": ["random", "dm"], "distill": {"iterations": 30, "surrogate.network.width": 4}}
    write_recipe(Path("r.yaml"), **recipe)
    folder = Path("runs/tiny/distill/colored_digits/dm-vanilla-ipc1-seed0")
    process = Process(["run", "r.yaml"], tmp_path / "cut", patient=0.1)
    wait_for(folder / "stage.json", process, more=0.5)
    told = re.fullmatch(
        r"fdd: interrupted; the same command again goes on from step (\d+) of distill", stop(process, number)
    )
    assert told
    assert not (Path("runs/tiny") / ".lock").exists()
    assert [row["method"] for row in json.loads(Path("runs/tiny/results.json").read_text())["rows"]] == ["random"]
    again = fdd("run", "r.yaml")
    assert again.code == 0
    assert f"resuming distill at step {told[1]}" in again.err.splitlines()
