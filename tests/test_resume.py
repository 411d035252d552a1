"""A stage that is cut short goes on where it was, and ends as if nothing had happened."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from fdd_lightning.artefacts.stage_folder import StageFolder
from tests.processes import Process
from tests.tiny import DISTILL, EVAL, FIT, QUIET

LONG = {
    "fit": (*FIT, "--model.steps=14", "--model.monitor_every=4"),  # six batches an epoch: cut short inside the second
    "distill": (*DISTILL, "--model.iterations=12"),
    "eval": (*EVAL, "--model.epochs=10"),
}
ARTEFACT = {"fit": "encoder.safetensors", "distill": "synthetic.safetensors", "eval": "results.json"}
PAUSE = 8


@pytest.fixture
def arguments(request, fdd):
    """The command of a stage, with the set that it evaluates."""
    stage = request.param
    if stage == "eval":
        assert fdd(*DISTILL, "--output=set").code == 0
        return stage, [*LONG[stage], "--synthetic=set/synthetic.safetensors"]
    return stage, list(LONG[stage])


def content(folder, stage):
    """What must not depend on interruptions."""
    file = Path(folder) / ARTEFACT[stage]
    if stage != "eval":
        return file.read_bytes()
    rows = json.loads(file.read_text())["rows"]
    for row in rows:
        assert row.pop("seconds")["eval"] > 0
    return rows


def run(args, log):
    process = Process(args, log)
    assert process.join() == 0, process.err
    return process


@pytest.mark.parametrize("arguments", ["fit", "distill", "eval"], indirect=True)
def test_killed_and_started_again(arguments, tmp_path):
    stage, args = arguments
    undisturbed = run([*args, "--output=whole"], tmp_path / "whole")
    assert "resuming" not in undisturbed.err

    killed = Process([*args, "--output=cut"], tmp_path / "killed", pause_at=PAUSE)
    killed.wait_until_paused()
    assert killed.signal(signal.SIGKILL) == -signal.SIGKILL
    assert not (Path("cut") / ARTEFACT[stage]).exists()

    again = run([*args, "--output=cut"], tmp_path / "again")
    assert again.err == f"resuming {stage} at step {PAUSE - 1}\n{undisturbed.err}"  # with what is doubtful, if any
    assert content("cut", stage) == content("whole", stage)

    third = run([*args, "--output=cut"], tmp_path / "third")
    assert third.out == f"finished: {stage} in cut\n"
    assert third.err == ""


def test_another_number_of_threads_is_told(fdd):
    assert fdd(*DISTILL, "--output=x", "--model.iterations=2").code == 0
    record = StageFolder("x").read()
    assert record is not None
    text = json.loads(Path("x/stage.json").read_text())
    Path("x/stage.json").write_text(json.dumps({**text, "finished": False, "threads": record.threads + 5}))
    said = fdd(*DISTILL, "--output=x", "--model.iterations=2")
    assert said.code == 0
    first, second = said.err.splitlines()
    assert first == "resuming distill at step 2"
    assert f"begun with {record.threads + 5} threads" in second


def test_time_is_counted_over_restarts(fdd, monkeypatch):
    assert fdd(*DISTILL, "--output=x").code == 0
    before = json.loads(Path("x/stage.json").read_text())
    Path("x/stage.json").write_text(json.dumps({**before, "finished": False}))
    assert fdd(*DISTILL, "--output=x").code == 0
    after = json.loads(Path("x/stage.json").read_text())
    assert after["finished"]
    assert after["steps"] == before["steps"] == 3
    assert after["seconds"] >= before["seconds"] > 0


def test_a_changed_leaf_runs_anew(fdd):
    assert fdd(*DISTILL, "--output=x").code == 0
    first = Path("x/synthetic.safetensors").read_bytes()
    assert "finished: distill in x" in fdd(*DISTILL, "--output=x").out
    said = fdd(*DISTILL, "--output=x", "--model.lr_images=2.0")
    assert (said.code, said.err) == (0, "fdd: x held other work, finished (distill): this replaces it\n")
    assert "finished" not in said.out
    assert Path("x/synthetic.safetensors").read_bytes() != first


def test_how_a_stage_is_shown_is_no_reason_to_run_it_again(fdd):
    assert fdd(*DISTILL, "--output=x").code == 0
    said = fdd(*DISTILL, "--output=x", "--trainer.enable_progress_bar=false", "--trainer.log_every_n_steps=1")
    assert said.out == "finished: distill in x\n"


def test_a_lost_or_changed_artefact_runs_anew(fdd):
    assert fdd(*DISTILL, "--output=x").code == 0
    whole = Path("x/synthetic.safetensors").read_bytes()
    Path("x/synthetic.safetensors").write_bytes(whole[:-1])
    assert "finished" not in fdd(*DISTILL, "--output=x").out
    assert Path("x/synthetic.safetensors").read_bytes() == whole


def test_a_changed_input_runs_anew(fdd):
    assert fdd(*DISTILL, "--output=x").code == 0
    evaluate = (*EVAL, "--synthetic=x/synthetic.safetensors", "--output=y")
    assert fdd(*evaluate).code == 0
    assert fdd(*evaluate).out == "finished: eval in y\n"
    assert fdd(*DISTILL, "--output=x", "--model.seed=1").code == 0
    said = fdd(*evaluate)
    assert said.code == 0
    assert "resuming" not in said.err
    assert "finished" not in said.out


def test_a_command_that_is_refused_leaves_an_earlier_run_alone(fdd, refused):
    assert fdd(*DISTILL, "--output=x", "--model.iterations=2").code == 0
    before = {p: p.read_bytes() for p in Path("x").iterdir() if p.is_file()}
    refused(*DISTILL, "--output=x", "--model.images_per_class=1000")
    assert {p: p.read_bytes() for p in Path("x").iterdir() if p.is_file()} == before


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:1000])


def empty(path):
    path.write_bytes(b"")


@pytest.fixture
def killed(workdir, tmp_path):
    """Start a stage and kill it at its eighth step."""

    def call(*args):
        process = Process([*args], tmp_path / "killed", pause_at=PAUSE)
        process.wait_until_paused()
        assert process.signal(signal.SIGKILL) == -signal.SIGKILL

    return call


def test_a_damaged_checkpoint_is_a_step_back_and_two_are_a_fresh_start(fdd, killed):
    killed(*LONG["distill"], "--output=cut")
    assert fdd(*LONG["distill"], "--output=whole").code == 0
    for damage in (flip, cut_short, empty):
        shutil.copytree("cut", "x")
        damage(Path("x/last.ckpt"))
        said = fdd(*LONG["distill"], "--output=x")
        assert said.code == 0
        back = ["warning: x/last.ckpt is damaged, left out", f"resuming distill at step {PAUSE - 2}"]
        assert said.err.splitlines() == back
        assert content("x", "distill") == content("whole", "distill")
        assert [path.name for path in Path("x").glob("*.ckpt")] == ["last.ckpt"]
        shutil.rmtree("x")
    for name in ("last", "previous"):
        flip(Path(f"cut/{name}.ckpt"))
    said = fdd(*LONG["distill"], "--output=cut")
    assert said.code == 0
    begins = [f"warning: cut/{name}.ckpt is damaged, distill begins again" for name in ("last", "previous")]
    assert said.err.splitlines() == begins
    assert content("cut", "distill") == content("whole", "distill")


def test_a_damaged_checkpoint_that_is_named_is_one_line(fdd, refused):
    assert fdd(*DISTILL, "--output=x").code == 0
    flip(Path("x/last.ckpt"))
    assert "x/last.ckpt is no checkpoint of a stage, or damaged" in refused(*DISTILL, "--ckpt_path=x/last.ckpt")


def test_what_a_kill_left_of_a_checkpoint_is_removed(fdd, killed):
    killed(*LONG["distill"], "--output=cut")
    left = Path("cut/.part-last.ckpt.abcdefgh.ckpt")
    left.write_bytes(b"half")
    assert fdd(*LONG["distill"], "--output=cut").err == f"resuming distill at step {PAUSE - 1}\n"
    assert [path.name for path in Path("cut").iterdir() if path.name.startswith(".")] == []


def test_a_damaged_record_is_one_line(fdd, refused):
    assert fdd(*DISTILL, "--output=x").code == 0
    for text in ("{", '{"strange": 1}', "[]"):
        Path("x/stage.json").write_text(text)
        assert "x/stage.json" in refused(*DISTILL, "--output=x")


def test_the_recommended_way_goes_on_with_its_optimiser_and_schedule(fdd, tmp_path):
    args = [
        *("distill", "--model=dm_recommended", "--model.weighting=vote", "--model.surrogate.network.width=4", *QUIET),
        *("--model.iterations=12", "--model.images_per_class=1"),
    ]
    run([*args, "--output=whole"], tmp_path / "whole")
    killed = Process([*args, "--output=cut"], tmp_path / "killed", pause_at=PAUSE)
    killed.wait_until_paused()
    assert killed.signal(signal.SIGKILL) == -signal.SIGKILL
    again = run([*args, "--output=cut"], tmp_path / "again")
    said = again.err.splitlines()
    assert f"resuming distill at step {PAUSE - 1}" in said
    assert any(line.startswith("colored_digits: the vote finds") for line in said)
    assert content("cut", "distill") == content("whole", "distill")
