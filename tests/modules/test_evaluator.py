"""The Evaluator against a literal loop, and the row that it leaves."""

import json
import math
from functools import partial
from itertools import product

import pytest
import torch
import yaml
from torch.nn.functional import cross_entropy

from fdd_lightning import SyntheticSet
from fdd_lightning.algorithms import DFA, GroupDRO, Reweighted, SelecMixLfF
from fdd_lightning.artefacts.results import Row
from fdd_lightning.augment import DSA
from fdd_lightning.configuration.choices import build
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings import FairDD
from fdd_lightning.metrics import GroupCounts
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.selection import Selection
from fdd_lightning.networks import ConvNet
from fdd_lightning.training import Regime
from fdd_lightning.utils.paths import CONFIGS
from fdd_lightning.utils.rng import generator, seeded
from tests.modules.conftest import trainer
from tests.written_rows import METRICS

NETWORK = partial(ConvNet, width=4, depth=2)
KEYS = [
    "dataset",
    "method",
    "weighting",
    "ipc",
    "conflict_ratio",
    "network",
    "train_on",
    "trainer",
    "settings",
    "preset",
    "distill_seeds",
    "eval_networks",
    "eval_seeds",
    "eval_settings",
    "variant",
    "seconds",
    "metrics",
    "cell_accuracy",
    "cell_count",
    "reads_groups",
    "signal",
    "small_cells",
    "conflict_count",
]


def evaluator(synthetic=None, **arguments):
    small = {"network": NETWORK, "count": 2, "epochs": 2, "batch_size": 16, "lr": 0.05}
    model = Evaluator(10, 10, (3, 16, 16), **{**small, **arguments})
    model.synthetic = synthetic
    return model


@pytest.fixture
def chosen(digits):
    """Thirty real images, three of each class, balanced over groups."""
    return trainer().distill(Selection(10, (3, 16, 16), 3, FairDD(), seed=4), digits)


def alone(synthetic, network, epochs, seed=0, batch_size=16, lr=0.05):
    """Train one network as the reference's loop does: for ep in range(Epoch + 1), with Epoch = epochs - 1."""
    images, labels = synthetic.images, synthetic.labels
    with seeded(seed, "network", network):
        model = NETWORK(10, (3, 16, 16))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    step = 0
    for epoch in range(epochs):
        order = torch.randperm(len(labels), generator=generator(seed, "order", network, epoch))
        for index in order.split(batch_size):
            batch = DSA()(images[index], generator(seed, "augmentation", network, step), siamese=False)
            optimizer.zero_grad()
            cross_entropy(model(batch), labels[index]).backward()
            optimizer.step()
            step += 1
        if epoch == (epochs - 1) // 2 + 1:  # lr_schedule = [Epoch // 2 + 1]; the optimiser is made anew
            lr *= 0.1
            optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    return model


@pytest.mark.parametrize("epochs", [1, 2, 5, 6, 7])
def test_side_by_side_equals_alone_bit_for_bit(digits, chosen, epochs):
    """Drop of the learning rate and loss of the momentum included."""
    model = evaluator(chosen, epochs=epochs, seed=3)
    trainer().eval(model, digits)
    for j, learner in enumerate(model.learners):
        literal = alone(chosen, j, epochs, seed=3)
        for (name, own), expected in zip(learner.network.named_parameters(), literal.parameters(), strict=True):
            assert torch.equal(own, expected), name


def test_images_that_have_changed_since_are_warned_of(chosen, digits, capsys):
    def said():
        model = evaluator(chosen)
        trainer().eval(model, digits)
        return capsys.readouterr().err

    assert said() == ""
    chosen.metadata["data_fingerprint"] = "0" * 64
    assert "the images of colored_digits have changed since" in said()
    chosen.metadata["data_parameters"] = {**digits.parameters, "seed": 5}  # another data set, on purpose
    assert said() == ""


def test_the_rate_falls_just_past_half_time():
    for epochs, dropped in ((1001, 502), (301, 152), (5, 4), (4, 3)):
        regime = evaluator(epochs=epochs, batch_size=16).by_preset()
        assert regime.drops(per_epoch=2) == [2 * dropped]
        assert regime.num_steps(per_epoch=2) == 2 * epochs


def test_networks_differ_and_seeds_too(digits, chosen):
    found = []
    for seed in (0, 1):
        model = evaluator(chosen, seed=seed)
        trainer().eval(model, digits)
        found += [learner.network.classifier.weight for learner in model.learners]
    assert not any(torch.equal(a, b) for i, a in enumerate(found) for b in found[:i])


@pytest.mark.parametrize(("preset", "on_synthetic"), list(product(["reference", "quick"], [True, False])))
def test_presets(chosen, preset, on_synthetic):
    model = evaluator(chosen if on_synthetic else None, preset=preset, epochs=None)
    assert (
        model.by_preset().num_steps(per_epoch=1)
        == {
            ("reference", True): 1001,
            ("reference", False): 101,
            ("quick", True): 300,
            ("quick", False): 10,
        }[preset, on_synthetic]
    )


def test_full_trains_on_real_images(digits, monkeypatch):
    asked = []
    batch = ImageSet.batch

    def counted(self, index):
        if len(self) == len(digits.train):
            asked.append(len(index))
        return batch(self, index)

    monkeypatch.setattr(ImageSet, "batch", counted)
    model, runs = evaluator(count=1, epochs=1, batch_size=256), trainer(max_steps=3)
    row = runs.eval(model, digits)
    assert row is not None
    assert asked[:3] == [256] * 3
    assert model.batches.size == len(digits.train)
    assert (row["method"], row["weighting"], row["ipc"]) == ("full", "vanilla", None)
    assert (row["train_on"], row["distill_seeds"], row["settings"]) == ("real", [], {})
    Row.from_json(row)


def literal_scores(model, data):
    """Return every figure of a row from predictions counted one by one."""
    hits: dict[tuple[int, int], int] = {}
    totals: dict[tuple[int, int], int] = {}
    with torch.no_grad():
        logits = model(data.test.batch(torch.arange(len(data.test)))["image"])
    predictions, sure = logits.argmax(1), logits.double().softmax(1).amax(1)
    labels, groups = data.test.targets, data.test.groups
    false, taken = [], []
    for c in range(10):
        is_it = predictions == c
        others = [float(is_it[(groups == g) & (labels != c)].double().mean()) for g in range(10)]
        shares = [float(is_it[groups == g].double().mean()) for g in range(10)]
        false.append(max(others) - min(others))
        taken.append(max(shares) - min(shares))
    right, bins = (predictions == labels).double(), (sure * 15).long().clamp(max=14)
    distances = [abs(float((sure - right)[bins == k].sum())) for k in range(15)]
    triples = zip(predictions.tolist(), data.test.targets.tolist(), data.test.groups.tolist(), strict=True)
    for prediction, target, group in triples:
        totals[target, group] = totals.get((target, group), 0) + 1
        hits[target, group] = hits.get((target, group), 0) + (prediction == target)
    gaps = []
    for c in range(10):
        rates = [hits[c, g] / totals[c, g] for g in range(10)]
        gaps.append(max(rates) - min(rates))
    aligned = sum(hits[c, c] for c in range(10)) / sum(totals[c, c] for c in range(10))
    rest = [(hits[k], totals[k]) for k in totals if k[0] != k[1]]
    return {
        "accuracy": sum(hits.values()) / len(data.test),
        "balanced_accuracy": sum(hits[k] / totals[k] for k in totals) / len(totals),
        "deo_max": max(gaps),
        "deo_mean": sum(gaps) / 10,
        "worst_group_accuracy": min(hits[k] / totals[k] for k in totals),
        "aligned_accuracy": aligned,
        "conflict_accuracy": sum(h for h, _ in rest) / sum(t for _, t in rest),
        "demographic_parity": max(taken),
        "equalised_odds": max(*gaps, *false),
        "calibration_error": sum(distances) / len(data.test),
    }


def test_the_row_holds_what_was_measured(digits, chosen):
    model = evaluator(chosen, epochs=40)
    row = trainer().eval(model, digits)
    assert row is not None
    assert list(row) == KEYS
    assert list(row["metrics"]) == METRICS
    scores = [literal_scores(learner, digits) for learner in model.learners]
    for name, summary in row["metrics"].items():
        values = [s[name] for s in scores]
        assert summary["values"] == [pytest.approx(values, abs=1e-6)]
        assert summary["mean"] == pytest.approx(sum(values) / 2, abs=1e-6)
        assert summary["std"] == pytest.approx(abs(values[0] - values[1]) / math.sqrt(2), abs=1e-6)
    assert row["metrics"]["accuracy"]["mean"] > 0.2
    counts, cells = row["cell_count"], row["cell_accuracy"]
    assert sum(map(sum, counts)) == len(digits.test) == 5000
    assert [len(line) for line in counts] == [10] * 10
    total = sum(n * a for line in zip(counts, cells, strict=True) for n, a in zip(*line, strict=True))
    assert total / 5000 == pytest.approx(row["metrics"]["accuracy"]["mean"], abs=1e-6)
    assert Row.from_json(json.loads(json.dumps(row))).to_json() == row


def test_the_row_says_what_was_done(digits, chosen):
    row = trainer().eval(evaluator(chosen, preset="quick", epochs=3), digits)
    assert row is not None
    del row["metrics"], row["cell_accuracy"], row["cell_count"]
    assert row == {
        "dataset": "colored_digits",
        "method": "random",
        "weighting": "fairdd",
        "ipc": 3,
        "conflict_ratio": 0.1,
        "network": "convnet",
        "train_on": "synthetic",
        "trainer": "erm",
        "settings": {},
        "preset": "quick",
        "distill_seeds": [4],
        "eval_networks": 2,
        "eval_seeds": None,
        "eval_settings": {"network.width": 4, "network.depth": 2, "epochs": 3, "batch_size": 16, "lr": 0.05},
        "variant": "published",
        "seconds": {"fit": None, "distill": None, "eval": None},
        "reads_groups": True,
        "signal": None,
        "small_cells": 0,
        "conflict_count": 4500,
    }


def test_figures_are_logged(digits, chosen):
    runs = trainer()
    row = runs.eval(evaluator(chosen), digits)
    assert row is not None
    for name in METRICS:
        assert float(runs.callback_metrics[f"eval/{name}"]) == pytest.approx(row["metrics"][name]["mean"], abs=1e-6)


class Spread(GroupCounts):
    """A user's own metric."""

    name = "spread"
    needs_groups = True

    def compute(self):
        return self.cell_accuracy().std()


def test_a_users_own_metric_stands_in_the_row_and_is_logged(digits, chosen):
    runs = trainer()
    row = runs.eval(evaluator(chosen, metrics=["tests.modules.test_evaluator.Spread"]), digits)
    assert row is not None
    assert list(row["metrics"]) == [*METRICS, "spread"]
    assert float(runs.callback_metrics["eval/spread"]) == pytest.approx(row["metrics"]["spread"]["mean"], abs=1e-6)
    plain = trainer().eval(evaluator(chosen), digits)
    assert plain is not None
    assert {name: row["metrics"][name] for name in METRICS} == plain["metrics"]
    model = Evaluator.for_data(
        Plain(), network=NETWORK, count=1, epochs=1, metrics=["tests.modules.test_evaluator.Spread"]
    )
    row = trainer().eval(model, Plain())
    assert row is not None
    assert row["metrics"]["spread"] is None


def test_the_unbiased_twin_has_no_aligned_images():
    data = ColoredDigits(conflict_ratio=None)
    data.setup()
    row = trainer().eval(evaluator(count=1, epochs=1), data)
    assert row is not None
    assert row["conflict_ratio"] is None
    assert row["metrics"]["aligned_accuracy"] is None
    assert row["metrics"]["conflict_accuracy"] is None
    assert row["metrics"]["deo_mean"]["mean"] > 0
    Row.from_json(row)


class Plain(ColoredDigits):
    """The same images, without a protected attribute."""

    group_names = ("all",)  # type: ignore[assignment]
    aligned = None

    def setup(self, stage=None):
        super().setup(stage)
        for part in self._sets.values():
            part.groups = torch.zeros_like(part.groups)


def test_a_set_without_groups_has_no_gaps():
    model = Evaluator.for_data(Plain(), network=NETWORK, count=1, epochs=1)
    row = trainer().eval(model, Plain())
    assert row is not None
    assert [name for name, summary in row["metrics"].items() if summary] == ["accuracy", "calibration_error"]
    assert math.isfinite(row["metrics"]["accuracy"]["mean"])
    Row.from_json(row)


def changed(synthetic, images=None, labels=None, **metadata):
    images = synthetic.images if images is None else images
    return SyntheticSet(
        images, synthetic.labels if labels is None else labels, {**synthetic.metadata, **metadata}, None
    )


def test_sets_of_other_images_are_refused(digits, chosen):
    large = changed(chosen, images=torch.zeros(30, 3, 32, 32), image_shape=[3, 32, 32])
    with pytest.raises(ConfigError, match=r"shape \(3, 32, 32\).*\(3, 16, 16\)"):
        trainer().eval(evaluator(large), digits)
    renamed = changed(chosen, class_names=[*"1023456789"])
    with pytest.raises(ConfigError, match=r"has the classes 1, 0, 2, .* labels go by their number"):
        trainer().eval(evaluator(renamed), digits)
    more = changed(chosen, labels=chosen.labels + 5, class_names=[str(i) for i in range(20)])
    with pytest.raises(ConfigError, match=r"label 14.*only 10 classes"):
        trainer().eval(evaluator(more), digits)


def test_a_file_of_another_program_needs_no_history(digits, chosen):
    """Only what the tensors mean is required of a set."""
    facts = {k: chosen.metadata[k] for k in ("class_names", "image_shape", "mean", "std")}
    row = trainer().eval(evaluator(SyntheticSet(chosen.images, chosen.labels, facts)), digits)
    assert row is not None
    assert (row["method"], row["weighting"], row["train_on"], row["ipc"]) == ("set", "unstated", "synthetic", 3)
    Row.from_json(row)


@pytest.mark.parametrize("argument", ["count", "batch_size", "epochs"])
def test_senseless_numbers_are_refused(argument):
    with pytest.raises(ConfigError, match=f"{argument} must be at least 1, not 0"):
        evaluator(**{argument: 0})


def test_checkpoints_from_python_load(digits, chosen, tmp_path):
    model, runs = evaluator(chosen), trainer()
    runs.fit(model, datamodule=digits)
    runs.save_checkpoint(tmp_path / "x.ckpt")
    content = torch.load(tmp_path / "x.ckpt", weights_only=True)
    assert content["hyper_parameters"]["network"]["class_path"] == "fdd_lightning.networks.ConvNet"


# Trainers with a way of their own.

REGIME = Regime(partial(torch.optim.Adam, lr=0.01), steps=5, batch_size=12, decay=0.1, decay_every=2, decay_from=1)
ENCODER = {"encoder": NETWORK, "hidden": 8, "dimension": 4}


@pytest.mark.parametrize("kind", [DFA, SelecMixLfF])
def test_a_trainer_with_a_regime_is_trained_alone_by_it(digits, chosen, kind):
    """Thirty images: batches of 12, 12 and 6; of SelecMix, two updates make one batch."""
    more = {} if kind is DFA else {"pool": 2, **ENCODER}
    model = evaluator(chosen, learner=partial(kind, regime=REGIME, **more), seed=3)
    runs = trainer()
    runs.eval(model, digits)
    assert runs.global_step == model.num_steps == 5
    for j in (0, 1):
        with seeded(3, "network", j):
            literal = kind(NETWORK, 10, (3, 16, 16), 30, **more)
        networks = [p for name, p in literal.named_parameters() if not name.startswith("encoder.")]
        main = torch.optim.Adam(networks, lr=0.01)
        others = [torch.optim.Adam(literal.encoder.parameters())] if more else []
        step = 0
        while step < 5:
            order = torch.randperm(30, generator=generator(3, "order", j, step // 3))
            for index in order.split(24 if more else 12):
                batch = {"image": chosen.images[index], "target": chosen.labels[index], "index": index}
                for loss in literal.losses(batch, 12):
                    if step < 5:
                        main.param_groups[0]["lr"] = 0.01 * 0.1 ** (max(0, step - 1) // 2)
                        for optimizer in (main, *others):
                            optimizer.zero_grad()
                        loss.backward()
                        for optimizer in (main, *others):
                            optimizer.step()
                        step += 1
        for (name, own), expected in zip(model.learners[j].named_parameters(), literal.parameters(), strict=True):
            assert torch.equal(own, expected), name


def test_the_row_says_how_a_trainer_differs_from_its_preset(digits, chosen):
    spec = yaml.safe_load((CONFIGS / "trainer" / "dfa.yaml").read_text())
    spec["init_args"]["regime"]["init_args"] |= {"steps": 2}
    row = trainer().eval(evaluator(chosen, learner=build(spec)), digits)
    assert row is not None
    assert row["trainer"] == "dfa"
    assert {k: v for k, v in row["eval_settings"].items() if k.startswith("learner")} == {"learner.regime.steps": 2}
    Row.from_json(row)


def test_images_are_drawn_by_a_trainers_chances(digits):
    model = evaluator(learner=Reweighted, count=1, epochs=1, batch_size=400)
    trainer(max_steps=1).eval(model, digits)
    drawn = model.order(0, 0)
    cells = torch.bincount(digits.train.targets[drawn] * 10 + digits.train.groups[drawn], minlength=100)
    assert len(drawn) == len(digits.train)
    assert int(cells.max()) < 4 * len(drawn) / 100  # nine of ten images of a class have its own colour


@pytest.mark.parametrize("kind", [GroupDRO, Reweighted])
def test_trainers_that_read_groups_are_refused_on_a_synthetic_set(digits, chosen, kind):
    told = (
        f"trainer {kind.name} needs group labels, and a synthetic set has none: train it on the real set.*or take lff"
    )
    model = evaluator(chosen, learner=kind)
    for refuse in (model.check, lambda: trainer().eval(model, digits)):
        with pytest.raises(ConfigError, match=told) as caught:
            refuse()
        assert "\n" not in str(caught.value)


def test_trainers_that_read_groups_are_refused_on_a_set_without(digits):
    model = Evaluator.for_data(Plain(), network=NETWORK, learner=GroupDRO)
    with pytest.raises(ConfigError, match="needs group labels, and this data set has none: take lff"):
        trainer().eval(model, Plain())
