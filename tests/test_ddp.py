"""Two processes that work together come to what one process comes to."""

import json
import signal
import socket
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.processes import Process
from tests.tiny import DISTILL, EVAL, FIT
from tests.written_rows import written_rows

pytestmark = pytest.mark.ddp


def ledger(name, loss):
    return (
        "--trainer.callbacks=tests.ledger.Ledger",
        f"--trainer.callbacks.folder={name}",
        f"--trainer.callbacks.loss={loss}",
    )


def start(args, log, pause_at=None):
    """Start two ranks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    two = [*args, "--trainer.strategy=ddp", "--trainer.devices=2"]
    return [Process(two, Path(f"{log}{rank}"), pause_at, {**place, "LOCAL_RANK": str(rank)}) for rank in (0, 1)]


def together(args, log):
    ranks = start(args, log)
    codes = [rank.join() for rank in ranks]
    assert codes == [0, 0], [rank.err for rank in ranks]
    return ranks


def compare(args, loss, tmp_path):
    """Check that two processes are of one mind with each other and with a single one; return their losses."""
    args = [*args, "--trainer.precision=64-true"]
    one = Process([*args, "--output=one", *ledger("a", loss)], tmp_path / "one")
    ranks = together([*args, "--output=two", *ledger("b", loss)], tmp_path / "two")
    assert one.join() == 0, one.err
    alone, first, second = (torch.load(name) for name in ("a/0.pt", "b/0.pt", "b/1.pt"))
    assert len(set(alone["losses"])) == len(alone["losses"])
    assert first["losses"] == second["losses"] == pytest.approx(alone["losses"], rel=1e-9)
    for key, value in first["state"].items():
        assert value.dtype == torch.float64
        assert torch.equal(value, second["state"][key])
        torch.testing.assert_close(value, alone["state"][key], rtol=1e-7, atol=1e-9)
    # The first process speaks for both.
    assert ranks[0].out.startswith(f"{args[0]}: two/")
    assert [ranks[1].out, *(rank.err for rank in ranks)] == ["", "", ""]
    return first["losses"]


@pytest.mark.parametrize("weighting", ["Vanilla", "FairDD", "KDE"])
def test_distillation(weighting, fdd, tmp_path):
    args = [*DISTILL, "--model.iterations=20", f"--model.weighting={weighting}", "--model.sampler.batch_size=33"]
    if weighting == "KDE":
        assert fdd(*FIT, "--output=encoder").code == 0
        args.append("--encoder=encoder/encoder.safetensors")
    assert len(compare(args, "distill/loss", tmp_path)) == 20


def test_encoder_training_sees_the_union_of_the_batches(workdir, tmp_path):
    # Five full batches; the sixth is odd. Batch normalisation would see its own share only.
    compare([*FIT, "--model.network.norm=instance", "--model.steps=5"], "fit/loss", tmp_path)


@pytest.mark.parametrize("more", [(), ("--model.stacked=true",), ("--model.count=1",)])
def test_evaluation_shares_out_its_networks(fdd, tmp_path, more):
    """Of three networks one process trains two; of one, one process repeats what the other does."""
    assert fdd(*DISTILL, "--output=set").code == 0
    args = [*EVAL, "--model.epochs=5", "--model.count=3", *more, "--synthetic=set/synthetic.safetensors"]
    one = Process([*args, "--output=one", *ledger("a", "eval/train_loss")], tmp_path / "one")
    together([*args, "--output=two", *ledger("b", "eval/train_loss")], tmp_path / "two")
    assert one.join() == 0, one.err
    alone, both = (written_rows(f"{name}/results.json")[0] for name in ("one", "two"))
    del alone["seconds"], both["seconds"]
    # What counts right answers is equal; what averages confidences is rounded as these are.
    errors = [row["metrics"].pop("calibration_error")["values"][0] for row in (alone, both)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)
    assert both == alone
    alone, first, second = (torch.load(name) for name in ("a/0.pt", "b/0.pt", "b/1.pt"))
    same = torch.equal if not more else partial(torch.allclose, rtol=1e-4, atol=1e-6)
    for key, value in alone["state"].items():
        assert same(first["state"][key], value), key
        assert torch.equal(second["state"][key], first["state"][key]), key
    assert first["losses"] == second["losses"] == pytest.approx(alone["losses"], rel=1e-6)


@pytest.mark.parametrize("learner", ["ERM", "SelecMixLfF"])
def test_an_evaluation_of_two_processes_goes_on_with_one(fdd, tmp_path, learner):
    assert fdd(*DISTILL, "--output=set").code == 0
    args = [*EVAL, "--model.epochs=10", "--synthetic=set/synthetic.safetensors", f"--model.learner={learner}"]
    if learner != "ERM":  # two optimisers, draws of its own
        args += [
            "--model.learner.encoder=ConvNet",
            "--model.learner.encoder.width=4",
            "--model.learner.encoder.depth=2",
        ]
    whole = Process([*args, "--output=whole"], tmp_path / "whole")
    ranks = start([*args, "--output=cut"], tmp_path / "killed", pause_at=6)
    for rank in ranks:
        rank.wait_until_paused()
    for rank in ranks:
        rank.signal(signal.SIGKILL)
    again = Process([*args, "--output=cut"], tmp_path / "again")
    assert (whole.join(), again.join()) == (0, 0), (whole.err, again.err)
    assert "resuming eval at step 5" in again.err
    alone, both = (written_rows(f"{name}/results.json")[0] for name in ("whole", "cut"))
    del alone["seconds"], both["seconds"]
    assert both == alone


def test_killed_together_and_started_again(workdir, tmp_path):
    args = [*DISTILL, "--model.iterations=10"]
    together([*args, "--output=whole"], tmp_path / "whole")
    ranks = start([*args, "--output=cut"], tmp_path / "killed", pause_at=6)
    for rank in ranks:
        rank.wait_until_paused()
    for rank in ranks:
        rank.signal(signal.SIGKILL)
    again = together([*args, "--output=cut", *ledger("b", "distill/loss")], tmp_path / "again")
    assert [rank.err for rank in again] == ["resuming distill at step 5\n", ""]
    assert len(torch.load("b/1.pt")["losses"]) == 5
    whole, cut = (Path(name, "synthetic.safetensors").read_bytes() for name in ("whole", "cut"))
    assert cut == whole
    assert json.loads(Path("cut/stage.json").read_text())["finished"]


def test_an_error_of_the_user_is_said_once(workdir, tmp_path):
    ranks = start([*DISTILL, "--model.images_per_class=1000", "--output=x"], tmp_path / "x")
    assert [rank.join() for rank in ranks] == [2, 2]
    assert ranks[0].err.startswith("fdd: error: class 0 has")
    assert ranks[0].err.count("\n") == 1
    assert ranks[1].err == ""
    assert not Path("x/synthetic.safetensors").exists()
