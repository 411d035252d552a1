"""The Classifier: learners on the real set, their figures and their file."""

import json
from functools import partial
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms import DFA, ERM, GroupDRO, LfF, Reweighted, SelecMix, SelecMixLfF
from fdd_lightning.artefacts.classifier import load_classifier
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.matching.groupings import KMeansClusters, NeighbourVote
from fdd_lightning.modules.classifier import Classifier
from fdd_lightning.networks import MLP
from fdd_lightning.training import Regime
from fdd_lightning.utils.rng import generator, seeded
from tests.modules.conftest import trainer
from tests.modules.test_evaluator import Plain, literal_scores

NETWORK = partial(MLP, widths=(12,))
ENCODER: dict[str, Any] = {"encoder": partial(MLP, widths=(8,)), "hidden": 8, "dimension": 4}
LEARNERS = {
    "erm": ERM,
    "lff": LfF,
    "dfa": partial(DFA, swap_after=1),
    "selecmix": partial(SelecMix, pool=2, **ENCODER),
    "selecmix_lff": partial(SelecMixLfF, pool=2, **ENCODER),
    "group_dro": GroupDRO,
    "reweighted": Reweighted,
}


def classifier(learner=ERM, steps=6, batch_size=256, **arguments):
    regime = Regime(partial(torch.optim.Adam, lr=0.01), steps=steps, batch_size=batch_size)
    return Classifier(10, 10, (3, 16, 16), NETWORK, learner, regime=regime, **arguments)


def trained(data, **arguments):
    model, runs = classifier(**arguments), trainer()
    runs.fit(model, datamodule=data)
    return model, runs


def test_plain_training_is_the_loop_that_one_would_write(digits):
    model, runs = trained(digits, steps=9, seed=4)  # six batches an epoch, the last smaller
    with seeded(4, "network"):
        literal = NETWORK(10, (3, 16, 16))
    optimizer = torch.optim.Adam(literal.parameters(), lr=0.01)
    batches = [
        index
        for epoch in (0, 1)
        for index in torch.randperm(len(digits.train), generator=generator(4, "order", epoch)).split(256)
    ]
    for index in batches[:9]:
        batch = digits.train.batch(index)
        optimizer.zero_grad()
        cross_entropy(literal(batch["image"]), batch["target"]).backward()
        optimizer.step()
    for own, expected in zip(model.learner.network.parameters(), literal.parameters(), strict=True):
        assert torch.equal(own, expected)
    assert runs.global_step == 9


def test_a_learners_own_regime_wins(digits):
    own = Regime(torch.optim.SGD, steps=3, batch_size=64, decay=0.1, decay_every=1, decay_from=1)
    model, runs = trained(digits, learner=partial(ERM, regime=own))
    assert runs.global_step == 3
    (optimizer,) = runs.optimizers
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-3 * 0.1)
    assert model.batches.batch_size == 64


@pytest.mark.parametrize("name", list(LEARNERS))
def test_every_learner_resumes_exactly_and_has_a_file(name, digits, tmp_path):
    """Cut in the second epoch, of four batches."""
    arguments = {"learner": LEARNERS[name], "steps": 10, "batch_size": 400}
    whole, _ = trained(digits, **arguments)
    cut, runs = classifier(**arguments), trainer(max_steps=6)
    runs.fit(cut, datamodule=digits)
    runs.save_checkpoint(tmp_path / "x.ckpt")
    again = classifier(**arguments)
    trainer().fit(again, datamodule=digits, ckpt_path=tmp_path / "x.ckpt")
    expected, found = whole.learner.state_dict(), again.learner.state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())
    assert again.figures == whole.figures

    file = again.save_artefact(tmp_path)
    assert file.read_bytes() == whole.save_artefact(tmp_path).read_bytes()
    learner, header = load_classifier(file)
    images = digits.test.batch(torch.arange(20))["image"]
    with torch.no_grad():
        assert torch.equal(learner(images), whole.learner.eval()(images))
    assert not learner.training
    assert not any(p.requires_grad for p in learner.parameters())
    assert (header["trainer"], header["dataset"], header["num_classes"]) == (name, "colored_digits", 10)
    assert header["metrics"] == whole.figures
    with safe_open(file, "pt") as content:
        assert not any(content.get_slice(k).get_shape()[:1] == [len(digits.train)] for k in content.keys())  # noqa: SIM118


def test_figures_are_those_of_the_images():
    data = ColoredDigits(validation=0.1)
    data.setup()
    model, runs = trained(data, steps=60)
    scores = literal_scores(model.learner, data)
    for name, value in scores.items():
        assert model.figures[f"test/{name}"] == pytest.approx(value, abs=1e-6)
        assert float(runs.callback_metrics[f"test/{name}"]) == pytest.approx(value, abs=1e-6)
    assert set(model.figures) == {f"{split}/{name}" for split in ("val", "test") for name in scores}
    assert data.val is not None
    index = torch.arange(len(data.val))
    hits = (model.learner(data.val.batch(index)["image"]).argmax(1) == data.val.targets).float().mean()
    assert model.figures["val/accuracy"] == pytest.approx(float(hits))
    assert f"test accuracy {scores['accuracy']:.3f}, on conflicting images" in model.remark()


def test_looking_in_between_changes_nothing(digits, monkeypatch):
    looks = []
    measure = Classifier.measure

    def counted(self):
        looks.append(self.global_step)
        return measure(self)

    monkeypatch.setattr(Classifier, "measure", counted)
    plain, _ = trained(digits, learner=LEARNERS["selecmix"], steps=9)
    watched, _ = trained(digits, learner=LEARNERS["selecmix"], steps=9, monitor_every=3)
    assert looks == [9, 4, 6, 9]  # by itself; after batches of two updates
    for own, expected in zip(watched.learner.parameters(), plain.learner.parameters(), strict=True):
        assert torch.equal(own, expected)


def test_with_group_labels_colour_misleads_less(digits):
    gaps = []
    for name in ("erm", "reweighted", "group_dro"):
        figures = trained(digits, learner=LEARNERS[name], steps=150)[0].figures
        gaps.append((figures["test/aligned_accuracy"] or 0) - (figures["test/conflict_accuracy"] or 0))
    assert gaps[0] > 0.4
    assert max(gaps[1:]) < 0.2


def test_sets_without_groups():
    model = Classifier.for_data(Plain(), network=NETWORK, learner=LfF, regime=Regime(steps=1))
    trainer().fit(model, datamodule=Plain())
    assert list(model.figures) == ["test/accuracy", "test/calibration_error"]
    model = Classifier.for_data(Plain(), network=NETWORK, learner=GroupDRO)
    with pytest.raises(ConfigError, match="trainer group_dro needs group labels, and this data set has none: take lff"):
        model.check()
    with pytest.raises(ConfigError, match="trainer group_dro needs group labels"):
        trainer().fit(model, datamodule=Plain())


def test_senseless_settings_are_refused(digits):
    with pytest.raises(ConfigError, match="monitor_every must be at least 0"):
        classifier(monitor_every=-1)
    model = Classifier(10, 10, (3, 16, 16), NETWORK, ERM, regime=Regime(partial(torch.optim.Adam, lr=-1.0)))
    with pytest.raises(ConfigError, match="the optimiser of trainer erm: Invalid learning rate"):
        trainer().fit(model, datamodule=digits)


@pytest.mark.parametrize(
    "damage", ["missing", "cut", "text", "other kind", "no learner", "no network", "another shape"]
)
def test_what_is_no_classifiers_file_is_one_line(damage, digits, tmp_path):
    model, _ = trained(digits, steps=1)
    file = model.save_artefact(tmp_path)
    whole = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "text":
        file.write_text("hello")
    else:
        old, new = {
            "other kind": ("classifier", "classifies"),
            "no learner": ("fdd_lightning.algorithms.ERM", "fdd_lightning.networks.MLP"),
            "no network": ("fdd_lightning.networks.MLP", "fdd_lightning.algorithms.ERM"),
            "another shape": ("[12]", "[13]"),
        }[damage]
        file.write_bytes(rewritten(whole, old, new))
    with pytest.raises(FileFormatError) as caught:
        load_classifier(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def rewritten(content, old, new):
    """Return a safetensors file with its metadata changed."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["fdd"] = header["__metadata__"]["fdd"].replace(old, new)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


@pytest.mark.parametrize("algorithm", [GroupDRO, Reweighted])
def test_groups_may_be_inferred_and_no_label_is_read(digits, capsys, algorithm):
    """A trainer that wants groups trains on those of the vote, with all labels set to 0 as with the true ones."""
    trained = []
    for blind in (False, True):
        if blind:
            digits._sets["train"] = digits.train.without_groups()
        model = Classifier.for_data(
            digits, network=NETWORK, learner=algorithm, groups=NeighbourVote(), regime=Regime(steps=6)
        )
        trainer().fit(model, datamodule=digits)
        trained.append([parameter.detach() for parameter in model.learner.parameters()])
        assert "the vote finds 10.3% of images" in capsys.readouterr().err
    assert all(torch.equal(one, other) for one, other in zip(*trained, strict=True))
    assert len(model.real.groups.unique()) == 10


def test_inferred_groups_serve_data_without_any(capsys):
    model = Classifier.for_data(
        Plain(), network=NETWORK, learner=Reweighted, groups=NeighbourVote(), regime=Regime(steps=6)
    )
    trainer().fit(model, datamodule=Plain())
    with pytest.raises(ConfigError, match="take NeighbourVote"):
        Classifier.for_data(Plain(), network=NETWORK, learner=Reweighted, groups=KMeansClusters(2))
