"""Experts against literal loops, and what they leave."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms import ERM, LfF
from fdd_lightning.artefacts.encoder import save_encoder
from fdd_lightning.artefacts.experts import ExpertFolder, flat_parameters
from fdd_lightning.augment import DSA
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.datasets.whitening import ZCA
from fdd_lightning.errors import ConfigError, FileFormatError, NotFiniteError
from fdd_lightning.matching.weighted_epochs import order_by_shares
from fdd_lightning.matching.weightings import KDE, Barycenter, FairDD, GroupKDE, Vanilla
from fdd_lightning.modules.experts import Experts
from fdd_lightning.networks import ConvNet, Encoder
from fdd_lightning.training import Regime
from fdd_lightning.utils.rng import generator, seeded
from tests.modules.conftest import trainer

NETWORK = partial(ConvNet, width=2, depth=2)


def experts(**arguments):
    small = {"network": NETWORK, "count": 2, "epochs": 2, "batch_size": 400, "lr": 0.05}
    return Experts(10, 10, (3, 16, 16), **{**small, **arguments})


def trained(data, **arguments):
    model, runs = experts(**arguments), trainer()
    runs.fit(model, datamodule=data)
    return model


def literal(data, expert, shares, seed=0, epochs=2, lr=0.05, see=lambda x: x, **sgd):
    """Train one expert by itself: its snapshots."""
    with seeded(seed, "expert", expert):
        network = ERM(NETWORK, 10, (3, 16, 16), len(data.train)).network
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, **sgd)
    snapshots = [flat_parameters(network)]
    step = 0
    for epoch in range(epochs):
        order = order_by_shares(shares, generator(seed, "order", expert, epoch))
        for index in order.split(400):
            draws = generator(seed, "augmentation", expert, step)
            step += 1
            batch = data.train.batch(index)
            images = DSA()(see(batch["image"]), draws, siamese=False)
            optimizer.zero_grad()
            cross_entropy(network(images), batch["target"]).backward()
            optimizer.step()
        snapshots.append(flat_parameters(network))
    return torch.stack(snapshots)


@pytest.mark.parametrize("sgd", [{}, {"momentum": 0.9, "weight_decay": 5e-4}])
def test_trained_one_after_another_as_if_alone(digits, tmp_path, sgd):
    model = trained(digits, seed=3, **sgd)
    folder = model.save_artefact(tmp_path)
    assert folder == tmp_path / "experts"
    assert sorted(p.name for p in folder.iterdir()) == ["0000.safetensors", "0001.safetensors"]
    found = ExpertFolder(folder)
    assert found.snapshots == 3
    equal = torch.full((len(digits.train),), 1 / len(digits.train), dtype=torch.float64)
    for expert in range(2):
        expected = literal(digits, expert, equal, seed=3, **sgd)
        for t in range(3):
            assert torch.equal(found.snapshot(expert, t), expected[t]), (expert, t)
    assert not torch.equal(found.snapshot(0, 0), found.snapshot(1, 0))


def test_the_published_settings_are_the_defaults():
    model = Experts(10, 10, (3, 16, 16))
    assert (model.count, model.epochs, model.lr, model.batch_size) == (100, 50, 0.01, 256)
    assert (model.momentum, model.weight_decay, model.zca) == (0.0, 0.0, None)
    assert isinstance(model.weighting, Vanilla)
    assert isinstance(model.augmentation, DSA)


def test_group_balanced_experts_see_every_cell_alike(digits):
    model = trained(digits, weighting=Barycenter(), count=1, epochs=1)
    train = digits.train
    for c in range(10):
        size = len(train.members(c))
        for g in range(10):
            cell = train.members(c, g)
            assert model.shares[cell].sum() == pytest.approx(size / len(train) / 10)
    assert torch.equal(model._finished[0], literal(digits, 0, model.shares, epochs=1))
    order = order_by_shares(model.shares, generator(0, "order", 0, 0))
    conflict = train.targets[order] != train.groups[order]
    assert conflict.double().mean() == pytest.approx(0.9, abs=0.01)  # 0.1 of the training set


def test_experts_weighted_by_density(digits, tmp_path):
    encoder = Encoder(partial(ConvNet, width=2, depth=2), 10, (3, 16, 16), 8, 4)
    save_encoder(tmp_path / "e.safetensors", encoder, {"settings": {"encoder": "mine"}})
    model = experts(weighting=KDE(variance=0.5), count=1, epochs=1)
    assert model.needs(dict(model.hparams.items())) == ("encoder",)
    with pytest.raises(ConfigError, match=r"KDE reads a bias encoder's embeddings.*--encoder"):
        model.check()
    model.take("encoder", tmp_path / "e.safetensors")
    trainer().fit(model, datamodule=digits)
    with torch.no_grad():
        points = encoder(digits.train.batch(torch.arange(len(digits.train)))["image"])
    for c in (0, 7):
        members = digits.train.members(c)
        expected = KDE(variance=0.5).weights(points[members]) * len(members) / len(digits.train)
        assert torch.allclose(model.shares[members], expected, rtol=1e-4)
    header = ExpertFolder(model.save_artefact(tmp_path / "out")).header
    assert header["weighting"]["init_args"]["variance"] == 0.5
    assert header["settings"]["encoder"] == "mine"


def test_whitened(digits, tmp_path):
    model = trained(digits, zca=0.1, count=1, epochs=1)
    zca = ZCA.fit(digits.train, 0.1).to(torch.device("cpu"))
    equal = torch.full((len(digits.train),), 1 / len(digits.train), dtype=torch.float64)
    assert torch.equal(model._finished[0], literal(digits, 0, equal, epochs=1, see=zca.whiten))
    assert ExpertFolder(model.save_artefact(tmp_path)).header["zca"] == 0.1


def test_files_say_what_they_are(digits, tmp_path):
    model = trained(digits, count=1, epochs=1, stored="float16", seed=2)
    found = ExpertFolder(model.save_artefact(tmp_path))
    header = found.header
    assert found.snapshot(0, 1).dtype == torch.float16
    assert (header["dataset"], header["data_fingerprint"]) == ("colored_digits", digits.fingerprint)
    assert (header["num_classes"], header["image_shape"], header["seed"]) == (10, [3, 16, 16], 2)
    assert header["network"]["init_args"]["width"] == 2
    assert header["settings"] == {
        "experts.network.width": 2,
        "experts.network.depth": 2,
        "experts.count": 1,
        "experts.epochs": 1,
        "experts.batch_size": 400,
        "experts.lr": 0.05,
        "experts.stored": "float16",
        "experts.seed": 2,
    }


class Pooled(ERM):
    """Takes two updates from one batch, as SelecMix does."""

    name = "pooled"
    pool = 2

    def losses(self, batch, size):
        for part in torch.arange(len(batch["target"])).split(size):
            yield self.loss({key: value[part] for key, value in batch.items()})


@pytest.mark.parametrize("learner", [LfF, Pooled])
def test_debiased_by_how_they_learn(digits, tmp_path, learner):
    model = trained(digits, learner=learner)
    assert model.num_steps == 16
    found = ExpertFolder(model.save_artefact(tmp_path))
    assert found.snapshots == 3
    assert torch.equal(found.snapshot(1, 2), flat_parameters(model.learner.network))
    assert found.header["learner"]["class_path"].endswith(learner.__name__)
    assert found.header["settings"]["experts.learner"] == found.header["learner"]["class_path"]
    alone = trained(digits, learner=learner, seed=0, count=1)
    assert torch.equal(alone._finished[0], model._finished[0])


def test_a_learner_with_a_regime_is_refused(digits):
    with pytest.raises(ConfigError, match="leave the regime out of their learner"):
        trained(digits, learner=partial(LfF, regime=Regime()))


def test_accuracies_are_told(digits):
    model = trained(digits, epochs=1)
    network = model.learner.network.eval()
    with torch.no_grad():
        hits = network(digits.test.batch(torch.arange(5000))["image"]).argmax(1) == digits.test.targets
    assert model.accuracies[1] == pytest.approx(float(hits.double().mean()))
    assert model.remark().startswith(", 2 experts, test accuracy 0.")


def test_a_run_from_python_goes_on_from_its_checkpoint(digits, tmp_path):
    """Cut in the middle of the second expert; finished ones lie in the checkpoint."""
    whole = trained(digits)
    model, runs = experts(), trainer(max_steps=11)  # four steps an epoch
    runs.fit(model, datamodule=digits)
    runs.save_checkpoint(tmp_path / "x.ckpt")
    again = experts()
    trainer().fit(again, datamodule=digits, ckpt_path=tmp_path / "x.ckpt")
    for found, expected in zip(again._finished, whole._finished, strict=True):
        assert torch.equal(found, expected)
    assert again.accuracies == whole.accuracies


def test_a_short_run_leaves_the_experts_that_were_finished(digits, tmp_path):
    model, runs = experts(), trainer(max_steps=9)
    runs.fit(model, datamodule=digits)
    assert len(ExpertFolder(model.save_artefact(tmp_path))) == 1
    model, runs = experts(), trainer(max_steps=3)
    runs.fit(model, datamodule=digits)
    with pytest.raises(ConfigError, match="no expert was finished after 3 steps: one takes 8"):
        model.save_artefact(tmp_path / "other")


def test_in_an_output_folder_experts_are_written_as_they_come(digits, tmp_path):
    (tmp_path / "experts").mkdir()
    for stale in ("experts/0007.safetensors", "experts.part/0001.safetensors"):
        (tmp_path / stale).parent.mkdir(exist_ok=True)
        (tmp_path / stale).write_text("of another run")
    model, runs = experts(), trainer(max_steps=9)
    model.folder = tmp_path
    runs.fit(model, datamodule=digits)
    assert [p.name for p in (tmp_path / "experts.part").iterdir()] == ["0000.safetensors"]
    assert (tmp_path / "experts/0007.safetensors").exists()  # until the new ones are there
    runs.save_checkpoint(tmp_path / "x.ckpt")
    assert torch.load(tmp_path / "x.ckpt", weights_only=True)["finished"] == []

    again = experts()
    again.folder = tmp_path
    trainer().fit(again, datamodule=digits, ckpt_path=tmp_path / "x.ckpt")
    assert again.save_artefact(tmp_path) == tmp_path / "experts"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["experts", "here", "x.ckpt"]
    assert sorted(p.name for p in (tmp_path / "experts").iterdir()) == ["0000.safetensors", "0001.safetensors"]
    assert again.save_artefact(tmp_path) == tmp_path / "experts"  # a kill may come before that is noted
    (tmp_path / "experts/0000.safetensors").unlink()
    with pytest.raises(FileFormatError, match=r"0000\.safetensors has gone since it was written: delete"):
        again.save_artefact(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"count": 0}, "count must be at least 1, not 0"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"lr": -1.0}, "lr must be at least 0, not -1.0"),
        ({"zca": float("nan")}, "zca must be at least 0, not nan"),
    ],
)
def test_senseless_numbers_are_refused(arguments, told):
    with pytest.raises(ConfigError, match=told):
        experts(**arguments)


@pytest.mark.parametrize(
    ("weighting", "told"),
    [(FairDD(), "take barycenter"), (GroupKDE(), "set weighting.reduction to barycenter")],
    ids=["fairdd", "group_kde"],
)
def test_targets_per_group_are_refused(weighting, told):
    with pytest.raises(ConfigError, match=f"experts does not take weighting .*: {told}"):
        experts(weighting=weighting).check()


def test_experts_that_diverge_are_told(digits):
    with pytest.raises(NotFiniteError, match=r"after 2 steps: layer .* is not finite .*: lower lr"):
        trained(digits, lr=1e30)


def test_groups_are_needed_for_balance():
    class Plain(ColoredDigits):
        group_names = ("all",)  # type: ignore[assignment]
        aligned = None

    with pytest.raises(ConfigError, match="Barycenter needs at least two groups"):
        trainer().fit(experts(weighting=Barycenter()), datamodule=Plain())
