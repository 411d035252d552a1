"""Networks that are trained stacked come to what they come to one at a time."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from fdd_lightning.algorithms import DFA
from fdd_lightning.artefacts.stage_folder import config_fingerprint
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings import FairDD
from fdd_lightning.modules import many_networks
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.selection import Selection
from fdd_lightning.networks import ConvNet
from tests.modules.conftest import trainer
from tests.tiny import EVAL, SELECT

NETWORK = partial(ConvNet, width=4, depth=2)


@pytest.fixture
def chosen(digits):
    """Thirty real images, three of each class."""
    return trainer().distill(Selection(10, (3, 16, 16), 3, FairDD(), seed=4), digits)


def evaluator(synthetic, *, stacked, **arguments):
    small = {"network": NETWORK, "count": 3, "epochs": 4, "batch_size": 16, "lr": 0.05}
    model = Evaluator(10, 10, (3, 16, 16), stacked=stacked, **{**small, **arguments})
    model.synthetic = synthetic
    return model


def state(model):
    return {key: value.clone() for key, value in model.state_dict().items() if key.startswith("learners")}


@pytest.mark.parametrize("preset", ["reference", "idc"])
@pytest.mark.parametrize("soft", [False, True])
def test_training_agrees(digits, chosen, preset, soft):
    """Two batches an epoch, the last of which is smaller; momentum lost, and images mixed, on the way."""
    if soft:
        chosen.parameters = {"soft_labels": torch.rand(30, 10).softmax(1)}
    models = [evaluator(chosen, stacked=stacked, preset=preset, seed=3) for stacked in (False, True)]
    rows = [trainer(precision="64-true").eval(model, digits) for model in models]
    alone, stacked = map(state, models)
    assert list(stacked) == list(alone)
    for key, value in stacked.items():
        assert value.dtype == torch.float64
        torch.testing.assert_close(value, alone[key], rtol=1e-8, atol=1e-10)
    # What counts right answers is equal; what averages confidences is rounded as these are.
    errors = [row["metrics"].pop("calibration_error")["values"] for row in rows if row is not None]
    torch.testing.assert_close(torch.tensor(errors[0]), torch.tensor(errors[1]), rtol=1e-5, atol=1e-6)
    assert rows[0] == rows[1]


def test_what_was_learned_with_a_real_set_agrees(digits):
    models = [evaluator(None, stacked=stacked, batch_size=64) for stacked in (False, True)]
    for model in models:
        trainer(precision="64-true", max_steps=3, limit_test_batches=1).eval(model, digits)
    alone, stacked = map(state, models)
    for key, value in stacked.items():
        torch.testing.assert_close(value, alone[key], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("ways", [(True, True), (True, False), (False, True)])
def test_a_checkpoint_goes_on_either_way(digits, chosen, tmp_path, capsys, ways):
    whole = evaluator(chosen, stacked=ways[1])
    trainer().fit(whole, datamodule=digits)
    runs = trainer(max_steps=5)
    runs.fit(evaluator(chosen, stacked=ways[0]), datamodule=digits)
    runs.save_checkpoint(tmp_path / "x.ckpt")
    capsys.readouterr()
    cut = evaluator(chosen, stacked=ways[1])
    trainer().fit(cut, datamodule=digits, ckpt_path=tmp_path / "x.ckpt")
    told = capsys.readouterr().err
    for key, value in state(cut).items():
        if ways[0] == ways[1]:
            assert torch.equal(value, state(whole)[key])
        else:
            torch.testing.assert_close(value, state(whole)[key], rtol=1e-4, atol=1e-6)
    assert ("the last bits may differ (pass --model.stacked" in told) == (ways[0] != ways[1])


def test_what_cannot_be_stacked_is_refused_or_trained_one_at_a_time(digits, chosen):
    for changed in ({"learner": DFA}, {"network": partial(ConvNet, width=4, depth=2, norm="batch")}):
        with pytest.raises(ConfigError, match="cannot be stacked"):
            trainer().eval(evaluator(chosen, stacked=True, **changed), digits)
    model = evaluator(chosen, stacked=None, network=partial(ConvNet, width=4, depth=2, norm="batch"))
    trainer(max_steps=2, limit_test_batches=1).eval(model, digits)


def test_the_command_line_takes_the_choice_and_finished_work_stays_finished(fdd):
    assert fdd(*SELECT, "--output=set").code == 0
    args = [*EVAL, "--model.epochs=3", "--synthetic=set/synthetic.safetensors"]
    assert fdd(*args, "--output=one").code == 0
    stacked = fdd(*args, "--output=two", "--model.stacked=true")
    assert stacked.code == 0
    rows = [json.loads(Path(name, "results.json").read_text())["rows"][0] for name in ("one", "two")]
    assert rows[0]["eval_settings"] == rows[1]["eval_settings"]
    assert rows[0]["metrics"]["accuracy"]["mean"] == pytest.approx(rows[1]["metrics"]["accuracy"]["mean"], abs=0.02)
    assert fdd(*args, "--output=one", "--model.stacked=true").out.startswith("finished: eval in one")
    refused = fdd(*args, "--output=three", "--model.stacked=true", "--model.network.norm=batch")
    assert refused.code == 2
    assert "trainer erm with this ConvNet cannot be stacked" in refused.err


def test_the_choice_is_no_part_of_the_fingerprint():
    path = "fdd_lightning.modules.evaluator.Evaluator"
    configs = [
        {"model": {"class_path": path, "init_args": {"preset": "quick", **more}}, "data": None, "trainer": {}}
        for more in ({}, {"stacked": None}, {"stacked": True})
    ]
    assert len({config_fingerprint("eval", config) for config in configs}) == 1


def test_two_threads_come_to_what_one_comes_to_bit_for_bit(digits, chosen, set_threads):
    found = {}
    for threads in (1, 2):
        set_threads(threads)
        model = evaluator(chosen, stacked=None)
        row = trainer().eval(model, digits)
        found[threads] = row, state(model), model.threaded
    (row, alone, threaded), (other_row, other, other_threaded) = found.values()
    assert (threaded, other_threaded) == (False, True)
    assert other_row == row
    for key, value in alone.items():
        assert torch.equal(other[key], value), key


def test_stacked_networks_see_as_many_test_images_as_memory_holds(digits, chosen, monkeypatch):
    sizes = []
    monkeypatch.setattr(Evaluator, "test_step", lambda self, batch, _: sizes.append(len(batch["image"])))
    monkeypatch.setattr(Evaluator, "on_test_epoch_end", lambda self: None)
    trainer(max_steps=1).eval(evaluator(chosen, stacked=True), digits)
    assert max(sizes) == digits.batch_size
    sizes.clear()
    monkeypatch.setattr(many_networks, "memory_of", lambda device: 2**40)  # as if on a large GPU
    trainer(max_steps=1).eval(evaluator(chosen, stacked=None), digits)
    assert sizes == [len(digits.test)]
    sizes.clear()
    trainer(max_steps=1, limit_test_batches=1).eval(evaluator(chosen, stacked=None), digits)
    assert sizes == [digits.batch_size]
