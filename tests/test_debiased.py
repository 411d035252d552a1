"""Debiased trainers by the command line: cut short, by two processes, and what is refused."""

import json
import signal
from pathlib import Path

import pytest
import torch

from fdd_lightning.artefacts.classifier import load_classifier
from tests.processes import Process
from tests.test_ddp import ledger, together
from tests.tiny import DISTILL, QUIET, write_recipe
from tests.written_rows import written_rows

SMALL = ("--model.network=MLP", "--model.network.widths=[8]")
REGIME = ("--model.learner.regime=Regime", "--model.learner.regime.optimizer=torch.optim.Adam")
ENCODER = (
    "--model.learner.pool=2",
    "--model.learner.encoder=ConvNet",
    "--model.learner.encoder.width=4",
    "--model.learner.encoder.norm=instance",  # batch normalisation would see a process's own share only
    "--model.learner.hidden=8",
    "--model.learner.dimension=4",
)
TRAINERS = {
    "LfF": (),
    "DFA": ("--model.learner.swap_after=1",),
    "SelecMixLfF": ENCODER,
    "GroupDRO": ("--model.learner.step_size=0.5",),
}


def fit(learner, steps, batch_size=100):
    learner_args = (f"--model.learner={learner}", *TRAINERS[learner], *REGIME)
    length = (f"--model.learner.regime.steps={steps}", f"--model.learner.regime.batch_size={batch_size}")
    return ["fit", "--model=Classifier", *SMALL, *learner_args, *length, *QUIET]


def run(args, log):
    process = Process(args, log)
    assert process.join() == 0, process.err
    return process


@pytest.mark.parametrize("learner", ["DFA", "SelecMixLfF"])
def test_a_classifier_that_is_killed_and_started_again(learner, workdir, tmp_path):
    """13 updates an epoch, cut short in the second; SelecMix takes two a batch."""
    args = fit(learner, 20)
    run([*args, "--output=whole"], tmp_path / "whole")
    killed = Process([*args, "--output=cut"], tmp_path / "killed", pause_at=17)
    killed.wait_until_paused()
    killed.signal(signal.SIGKILL)
    again = run([*args, "--output=cut"], tmp_path / "again")
    assert again.err == f"resuming fit at step {15 if learner == 'SelecMixLfF' else 16}\n"
    assert Path("cut/classifier.safetensors").read_bytes() == Path("whole/classifier.safetensors").read_bytes()
    assert run([*args, "--output=cut"], tmp_path / "third").out == "finished: fit in cut\n"


def test_an_evaluation_that_is_killed_and_started_again(fdd, tmp_path):
    assert fdd(*DISTILL, "--output=set").code == 0
    learner = ("--model.learner=SelecMixLfF", *ENCODER, *REGIME, "--model.learner.regime.steps=12")
    args = ["eval", "--synthetic=set/synthetic.safetensors", *SMALL, *learner, "--model.count=2", *QUIET]
    args.append("--model.learner.regime.batch_size=4")  # three updates an epoch of ten images
    run([*args, "--output=whole"], tmp_path / "whole")
    killed = Process([*args, "--output=cut"], tmp_path / "killed", pause_at=9)
    killed.wait_until_paused()
    killed.signal(signal.SIGKILL)
    assert run([*args, "--output=cut"], tmp_path / "again").err == "resuming eval at step 8\n"
    whole, cut = (written_rows(f"{name}/results.json")[0] for name in ("whole", "cut"))
    del whole["seconds"], cut["seconds"]
    assert cut == whole


@pytest.mark.ddp
@pytest.mark.parametrize("learner", ["LfF", "DFA", "SelecMixLfF", "GroupDRO"])
def test_two_processes_share_the_batches_of_a_classifier(learner, workdir, tmp_path):
    """Each has half of every batch; memories of losses, pairs, swaps and weights of groups are those of the whole."""
    args = [*fit(learner, 6), "--trainer.precision=64-true"]
    one = Process([*args, "--output=one", *ledger("a", "fit/loss")], tmp_path / "one")
    ranks = together([*args, "--output=two", *ledger("b", "fit/loss")], tmp_path / "two")
    assert one.join() == 0, one.err
    alone, first, second = (torch.load(name) for name in ("a/0.pt", "b/0.pt", "b/1.pt"))
    assert first["losses"] == second["losses"] == pytest.approx(alone["losses"], rel=1e-9)
    for key, value in first["state"].items():
        if not key.endswith("_extra_state"):
            assert torch.equal(value, second["state"][key]), key
        torch.testing.assert_close(value, alone["state"][key], rtol=1e-7, atol=1e-9)
    assert ranks[0].out.startswith("fit: two/classifier.safetensors")
    assert [ranks[1].out, ranks[1].err] == ["", ""]
    assert ranks[0].err == one.err  # group DRO has learned nothing yet, and is said to
    figures = [load_classifier(f"{name}/classifier.safetensors")[1]["metrics"] for name in ("one", "two")]
    assert figures[0] == pytest.approx(figures[1])


@pytest.mark.ddp
def test_two_processes_evaluate_as_one(fdd, tmp_path):
    assert fdd(*DISTILL, "--output=set").code == 0
    learner = ("--model.learner=SelecMixLfF", *ENCODER, *REGIME, "--model.learner.regime.steps=5")
    args = ["eval", "--synthetic=set/synthetic.safetensors", *SMALL, *learner, "--model.count=2", *QUIET]
    args.append("--model.learner.regime.batch_size=4")
    one = Process([*args, "--output=one"], tmp_path / "one")
    together([*args, "--output=two"], tmp_path / "two")
    assert one.join() == 0, one.err
    alone, both = (written_rows(f"{name}/results.json")[0] for name in ("one", "two"))
    del alone["seconds"], both["seconds"]
    assert both == alone


def test_recipes_take_trainers_for_all_methods_and_for_one(fdd):
    trainers = [{"name": "dfa", "regime.steps": 2}, {"name": "group_dro", "regime.steps": 2}]
    evaluation = {"count": 1, "epochs": 1, "networks": [{"name": "convnet", "width": 4, "depth": 2}]}
    file = write_recipe(
        Path("r.yaml"),
        methods=[{"name": "full", "trainers": ["erm", *trainers]}, "dm"],
        eval={**evaluation, "trainers": [{"name": "lff", "regime.steps": 2}]},
    )
    said = fdd("run", file)
    assert said.code == 0, said.err
    rows = [(row["method"], row["trainer"]) for row in written_rows("runs/tiny/results.json")]
    assert rows == [("full", "erm"), ("full", "dfa"), ("full", "group_dro"), ("dm", "lff")]
    assert written_rows("runs/tiny/results.json")[1]["eval_settings"]["learner.regime.steps"] == 2
    assert json.loads(Path("runs/tiny/results.json").read_text())["rows"][0]["eval_settings"].get("epochs") == 1


@pytest.mark.parametrize("trainer", ["group_dro", "reweighted"])
def test_a_recipe_with_group_labels_on_a_synthetic_set_is_one_line(trainer, refused):
    write_recipe(Path("r.yaml"), eval={"trainers": [trainer], "count": 1, "epochs": 1})
    line = refused("run", "r.yaml", "--dry-run")
    assert line.startswith(
        f"recipe tiny: trainer {trainer} needs group labels, and a synthetic set has none: train it on"
    )
    assert "method full" in line
    assert not Path("runs").exists()


def test_an_evaluation_with_group_labels_on_a_synthetic_set_is_one_line(fdd, refused):
    assert fdd(*DISTILL, "--output=set").code == 0
    args = ("eval", "--synthetic=set/synthetic.safetensors", "--model.learner=GroupDRO", *QUIET, "--output=x")
    assert "trainer group_dro needs group labels, and a synthetic set has none" in refused(*args)
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--model.learner=Nowhere", "there is no class 'Nowhere'"),
        ("--model.learner=ConvNet", "ConvNet"),
        ("--model.learner.regime.steps=0", "regime: steps must be at least 1, not 0"),
        ("--model.learner.regime.steps=many", "--model.learner.regime.steps: expected int, not 'many'"),
        ("--model.learner.regime.optimizer.lr=-1", "the optimiser of trainer dfa: Invalid learning rate"),
        ("--model.learner.lambda_swap=-1", "DFA lambda_swap must be at least 0"),
        ("--model.learner.lambda=1", "no such option"),
        ("--model.monitor_every=-1", "monitor_every must be at least 0"),
    ],
)
def test_each_mistake_is_one_line(option, told, refused):
    assert told in refused(*fit("DFA", 2), option, "--output=x")
    assert not Path("x/classifier.safetensors").exists()
