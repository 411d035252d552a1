"""The network of the best epoch on validation images, against a literal search."""

import copy
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning import Callback

from fdd_lightning.artefacts.stage_folder import config_fingerprint
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.errors import ConfigError
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.training import BestEpoch
from tests.modules.conftest import trainer
from tests.modules.test_evaluator import NETWORK, Plain
from tests.tiny import EVAL, SELECT
from tests.written_rows import written_rows


class Remembers(Callback):
    """Keeps a copy of every network after every step."""

    def __init__(self):
        self.states = []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.states.append([copy.deepcopy(learner.state_dict()) for learner in module.learners])


def evaluated(data, keep, **arguments):
    small = {"network": NETWORK, "count": 2, "epochs": 6, "batch_size": 1024, "lr": 0.05}
    model = Evaluator.for_data(data, **{**small, **arguments}, keep=keep)
    remembers = Remembers()
    row = trainer(callbacks=[remembers]).eval(model, data)
    assert row is not None
    return model, row, remembers.states


def worst_cell(predictions, data):
    cells: dict[tuple[int, int], list[bool]] = {}
    for p, t, g in zip(predictions.tolist(), data.val.targets.tolist(), data.val.groups.tolist(), strict=True):
        cells.setdefault((t, g), []).append(p == t)
    return min(sum(cell) / len(cell) for cell in cells.values())


def accuracy(predictions, data):
    return float((predictions == data.val.targets).double().mean())


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize(("metric", "literal"), [("accuracy", accuracy), ("worst_group_accuracy", worst_cell)])
def test_the_best_of_the_epochs_that_are_looked_at(metric, literal, stacked):
    data = ColoredDigits(validation=0.3)
    data.setup()
    assert data.val is not None
    model, row, states = evaluated(data, BestEpoch(metric, looks=3), stacked=stacked)
    per_epoch = len(states) // 6
    images = data.val.batch(torch.arange(len(data.val)))["image"]
    for number, learner in enumerate(model.learners):
        found = {key: value.clone() for key, value in learner.state_dict().items()}
        best = (-1.0, -1)
        for epoch in (2, 4, 6):
            learner.load_state_dict(states[per_epoch * epoch - 1][number])
            with torch.no_grad():
                best = max(best, (literal(learner(images).argmax(1), data), epoch))
        expected = states[per_epoch * best[1] - 1][number]
        assert all(torch.equal(found[key], expected[key]) for key in found)
    assert row["eval_settings"]["keep"].endswith("BestEpoch")
    assert row["eval_settings"]["keep.looks"] == 3
    assert row["settings"]["validation"] == 0.3
    assert row["reads_groups"] is (metric != "accuracy")


def test_without_groups_plain_accuracy_decides():
    data = Plain(validation=0.2)
    assert evaluated(data, BestEpoch(looks=2), epochs=2)[1]["reads_groups"] is False
    half, fifth, nothing = (torch.tensor(value) for value in (0.5, 0.25, torch.nan))
    assert BestEpoch().score({"accuracy": half}) == 0.5
    assert BestEpoch("deo_max").score({"accuracy": half, "deo_max": fifth}) == -0.25
    assert BestEpoch().score({"worst_group_accuracy": nothing, "accuracy": half}) == 0.5


@pytest.mark.parametrize(
    ("looks", "total", "per_epoch", "steps"),
    [(20, 4, 1, [1, 2, 3, 4]), (2, 30, 10, [20, 30]), (1, 7, 3, [7]), (3, 1000, 1, [334, 667, 1000])],
)
def test_looks_are_even_and_the_last_is_one(looks, total, per_epoch, steps):
    assert BestEpoch(looks=looks).steps(total, per_epoch) == steps


def test_what_cannot_be_compared_is_refused():
    for metric, told in (("best", "there is no metric 'best'"), ("cell_count", "no metric"), ("mine.Own", "cannot be")):
        with pytest.raises(ConfigError, match=told):
            BestEpoch(metric)
    with pytest.raises(ConfigError, match="needs a vote"):
        BestEpoch("against_crowd_accuracy")
    with pytest.raises(ConfigError, match="looks must be at least 1"):
        BestEpoch(looks=0)


def test_by_the_command_line(fdd, refused, monkeypatch):
    keep = ("--model.keep=BestEpoch", "--model.keep.metric=accuracy", "--model.keep.looks=2", "--model.epochs=6")
    assert "set --data.validation=0.1" in refused(*EVAL, *keep, "--output=x")
    assert not Path("x").exists()
    validation = "--data.validation=0.2"
    assert fdd(*SELECT, validation, "--output=set").code == 0
    command = (*EVAL, *keep, validation, "--synthetic=set/synthetic.safetensors")
    assert fdd(*command, "--output=whole").code == 0
    # A run that was stopped in between comes to the same.
    with monkeypatch.context() as patch:
        patch.setattr("fdd_lightning.trainer.callbacks.time", SimpleNamespace(monotonic=count(step=3600).__next__))
        assert fdd(*command, "--output=x", "--trainer.max_time=00:00:10:00").code == 1
    assert fdd(*command, "--output=x").err.startswith("resuming eval at step 1\n")
    (one,), (two,) = written_rows("whole/results.json"), written_rows("x/results.json")
    assert one["metrics"] == two["metrics"]
    assert one["eval_settings"]["keep.metric"] == "accuracy"


def test_finished_evaluations_stay_finished():
    def named(**arguments):
        model = {"class_path": "fdd_lightning.modules.evaluator.Evaluator"}
        config = {"model": {**model, "init_args": {"preset": "quick", **arguments}}, "trainer": {}}
        return config_fingerprint("eval", {**config, "data": {"class_path": "x.Y", "init_args": {}}})

    assert named() == named(keep=None) != named(keep={"class_path": "fdd_lightning.training.BestEpoch"})
