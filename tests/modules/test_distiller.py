"""The Distiller against a literal loop, and what it owes to files."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from fdd_lightning import SyntheticSet
from fdd_lightning.augment import DSA
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.errors import ConfigError, NotFiniteError
from fdd_lightning.matching.groupings import DBSCANClusters, KMeansClusters, WrongLabels
from fdd_lightning.matching.initialisers import Noise
from fdd_lightning.matching.samplers import Stratified, Uniform
from fdd_lightning.matching.surrogates import Fresh
from fdd_lightning.matching.weightings import KDE, Barycenter, Evidence, FairDD, Vanilla, Vote
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.networks import ConvNet
from fdd_lightning.utils.rng import generator, seeded
from tests.modules.conftest import trainer
from tests.tiny import DISTILL, FIT

SEED, IPC, BATCH, LR, MOMENTUM, STEPS = 3, 2, 12, 5.0, 0.5, 3
NETWORK = partial(ConvNet, width=4, depth=2)


def distiller(**arguments):
    small = {"surrogate": Fresh(NETWORK), "sampler": Uniform(BATCH), "images_per_class": IPC, "iterations": STEPS}
    return Distiller(10, (3, 16, 16), **{**small, "seed": SEED, "lr_images": LR, "momentum": MOMENTUM, **arguments})


def literal_rows(weighting, groups):
    """W and a of a class, as lists."""
    n = len(groups)
    if weighting == "vanilla":
        return [[1 / n] * n]
    present = sorted(set(groups))
    rows = [[1 / groups.count(a) if g == a else 0.0 for g in groups] for a in present]
    return rows if weighting == "fairdd" else [[sum(column) / len(rows) for column in zip(*rows, strict=True)]]


def literal(data, weighting):
    """Return the images after all steps, from the formula, image by image."""
    torch.set_default_dtype(torch.float64)
    train = data.train
    synthetic, velocity = [], None
    for c in range(10):
        members = [i for i in range(len(train)) if int(train.targets[i]) == c]
        order = torch.randperm(len(members), generator=generator(SEED, "initial images", c))[:IPC]
        synthetic.append(torch.stack([pixels(train, members[int(o)]) for o in order]))
    images = torch.stack(synthetic)
    for step in range(STEPS):
        images = images.detach().requires_grad_()
        with seeded(SEED, "surrogate", step):
            network = NETWORK(10, (3, 16, 16))
        total = torch.zeros(())
        for c in range(10):
            members = [i for i in range(len(train)) if int(train.targets[i]) == c]
            order = torch.randperm(len(members), generator=generator(SEED, "real batch", step, c))[:BATCH]
            chosen = [members[int(o)] for o in order]
            real = torch.stack([pixels(train, i) for i in chosen])
            # Siamese: the same operation with the same parameters for both.
            real = DSA()(real, generator(SEED, "augmentation", step, c), siamese=True)
            own = DSA()(images[c], generator(SEED, "augmentation", step, c), siamese=True)
            mean = torch.stack([network.embed(s[None])[0] for s in own]).mean(0)
            for row in literal_rows(weighting, [int(train.groups[i]) for i in chosen]):
                target = torch.zeros_like(mean)
                for w, x in zip(row, real, strict=True):
                    target = target + w * network.embed(x[None])[0].detach()
                total = total + (target - mean).square().sum()
        (gradient,) = torch.autograd.grad(total, images)
        velocity = gradient if velocity is None else MOMENTUM * velocity + gradient
        images = images - LR * velocity
    return images.detach().flatten(0, 1)


def pixels(data, index):
    return ((data.images[index].float() / 255 - 0.5) / 0.5).double()


@pytest.fixture
def float_again():
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("weighting", "name"), [(Vanilla(), "vanilla"), (FairDD(), "fairdd"), (Barycenter(), "barycenter")]
)
def test_steps_equal_the_literal_loop(digits, float_again, weighting, name):
    model = distiller(weighting=weighting)
    trainer(precision="64-true").distill(model, digits)
    assert model.images.dtype == torch.float64
    torch.testing.assert_close(model.images.detach(), literal(digits, name), rtol=1e-9, atol=1e-11)


def test_one_optimiser_step_in_each_training_step(digits, monkeypatch):
    taken = []
    step = torch.optim.SGD.step

    def counted(self, closure=None):
        taken.append(1)
        return step(self, closure)

    monkeypatch.setattr(torch.optim.SGD, "step", counted)
    model, runs = distiller(iterations=7), trainer()
    made = runs.distill(model, digits)
    assert len(taken) == runs.global_step == 7
    assert made.metadata["settings"]["iterations"] == 7
    assert torch.equal(made.images, model.images.detach())


def test_only_images_are_trained_and_checkpointed(digits, tmp_path):
    model, runs = distiller(), trainer()
    runs.distill(model, digits)
    runs.save_checkpoint(tmp_path / "x.ckpt")
    assert [name for name, _ in model.named_parameters()] == ["images"]
    assert set(torch.load(tmp_path / "x.ckpt", weights_only=True)["state_dict"]) == {"images"}


def test_figures_of_the_weights_are_logged(digits):
    logged = {}
    for weighting in (Vanilla(), FairDD()):
        runs = trainer(log_every_n_steps=1)
        runs.distill(distiller(weighting=weighting, iterations=1, sampler=Uniform(512)), digits)
        logged[type(weighting)] = {k: float(v) for k, v in runs.callback_metrics.items()}
    assert logged[Vanilla]["weights/effective_sample_share"] == pytest.approx(1)
    assert logged[Vanilla]["weights/conflict_mass"] == pytest.approx(0.1, abs=0.01)
    assert logged[FairDD]["weights/effective_sample_share"] < 0.5
    assert logged[FairDD]["weights/conflict_mass"] == pytest.approx(0.9, abs=0.01)  # nine groups of ten
    assert logged[FairDD]["distill/loss"] > 0


def plain(value):
    """Tell whether a value is made of what JSON knows."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(plain(v) for v in value)
    return value is None or isinstance(value, str | int | float | bool)


def test_a_checkpoint_written_from_python_holds_specs_and_loads(digits, tmp_path):
    model, runs = distiller(weighting=FairDD("mean"), initialiser=Noise()), trainer()
    runs.distill(model, digits)
    runs.save_checkpoint(tmp_path / "x.ckpt")
    content = torch.load(tmp_path / "x.ckpt", weights_only=True)
    assert plain(dict(content["hyper_parameters"]))
    again = Distiller.load_from_checkpoint(tmp_path / "x.ckpt", weights_only=True)
    assert torch.equal(again.images, model.images)
    assert isinstance(again.weighting, FairDD)
    assert again.weighting.reduction == "mean"
    assert isinstance(again.initialiser, Noise)
    assert isinstance(again.surrogate, Fresh)
    assert again.surrogate.architecture(10, (3, 16, 16)).feature_dim == 4 * 16
    assert (again.seed, again.iterations, again.lr_images) == (SEED, STEPS, LR)


def test_a_checkpoint_of_the_command_line_loads(fdd):
    said = fdd(*DISTILL, "--model.weighting=FairDD", "--model.weighting.reduction=mean", "--output=x")
    assert said.code == 0
    content = torch.load("x/last.ckpt", weights_only=True)
    assert plain(dict(content["hyper_parameters"]))
    again = Distiller.load_from_checkpoint("x/last.ckpt", weights_only=True)
    assert isinstance(again.weighting, FairDD)
    assert again.weighting.reduction == "mean"
    assert torch.equal(again.images.detach(), SyntheticSet.load("x/synthetic.safetensors").images)


def test_a_checkpoint_written_from_python_goes_on_at_the_command_line(digits, fdd):
    model, runs = distiller(iterations=4), trainer(max_steps=2)
    runs.distill(model, digits)
    runs.save_checkpoint("x.ckpt")
    said = fdd("distill", "--ckpt_path=x.ckpt", "--output=x", "--trainer.accelerator=cpu", "--trainer.logger=false")
    assert (said.code, said.err) == (0, "resuming distill at step 2\n")
    whole = distiller(iterations=4)
    trainer().distill(whole, digits)
    assert torch.equal(SyntheticSet.load("x/synthetic.safetensors").images, whole.images.detach())


def test_two_distillers_share_no_choice():
    weighting = FairDD()
    one, other = distiller(weighting=weighting), distiller(weighting=weighting)
    assert one.weighting is not other.weighting
    assert one.surrogate is not other.surrogate


def test_files_depend_on_the_seed_and_on_no_global_state(fdd):
    for number, (name, more) in enumerate({"a": (), "b": (), "c": ("--model.seed=1",)}.items()):
        torch.manual_seed(number)
        assert fdd(*DISTILL, *more, f"--output={name}").code == 0
    a, b, c = ((Path(name) / "synthetic.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    one, other = (SyntheticSet.load(f"{name}/synthetic.safetensors") for name in "ac")
    assert not torch.equal(one.images, other.images)


class WithoutGroups(ColoredDigits):
    """The same images; whoever reads a group label reads 0."""

    def setup(self, stage=None):
        super().setup(stage)
        for part in self._sets.values():
            part.groups = torch.zeros_like(part.groups)


def test_kde_reads_no_group_labels(tmp_path):
    """From the encoder's training to the last step of the images."""
    found = []
    for i, data in enumerate((ColoredDigits(), WithoutGroups())):
        encoder = SupCon(10, 10, (3, 16, 16), partial(ConvNet, width=4, norm="batch"), 16, 8, steps=4)
        runs = trainer()
        runs.fit(encoder, datamodule=data)
        file = encoder.save_artefact(tmp_path / str(i))
        model = distiller(weighting=KDE())
        model.encoder = file
        runs = trainer()
        runs.distill(model, data)
        found.append(model.images.detach())
    assert torch.equal(*found)


class Unaligned(ColoredDigits):
    """The same images and groups, without a word on which of them go together."""

    aligned = None


@pytest.mark.parametrize("kind", [ColoredDigits, Unaligned])
def test_weights_by_a_vote_are_judged_by_the_groups_where_these_are_known(kind, capsys):
    data = kind()
    data.setup()
    runs = trainer(log_every_n_steps=1)
    runs.distill(distiller(weighting=Vote(), iterations=1, sampler=Uniform(64)), data)
    logged = {k: float(v) for k, v in runs.callback_metrics.items()}
    assert logged["weights/auroc"] > 0.95
    assert "weights/conflict_mass" in logged
    told = capsys.readouterr().err
    aurocs, masses = [], []
    model = distiller(weighting=Vote(), iterations=1)
    trainer().distill(model, data)
    for c in range(10):
        members = data.train.members(c)
        conflict = data.train.groups[members] != c
        weights = model.weigh(members).rows.mean(0)
        pairs = [(float(a), float(b)) for a in weights[conflict] for b in weights[~conflict]]
        aurocs.append(sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs))
        masses.append(float(weights[conflict].sum()))
    assert logged["weights/auroc"] == pytest.approx(sum(aurocs) / 10, abs=1e-5)
    assert f"AUROC {sum(aurocs) / 10:.2f}, and {sum(masses) / 10:.0%} of the weight on the 10% of images" in told


def test_without_groups_nothing_is_judged(capsys):
    data = OneGroup()
    data.setup()
    runs = trainer(log_every_n_steps=1)
    runs.distill(distiller(weighting=Vote(), iterations=1, sampler=Uniform(64)), data)
    assert not {"weights/auroc", "weights/conflict_mass"} & set(runs.callback_metrics)
    assert "by the group labels" not in capsys.readouterr().err


def test_kde_without_an_encoder_is_refused(digits):
    with pytest.raises(ConfigError, match=r"fdd fit.*--encoder"):
        trainer().distill(distiller(weighting=KDE()), digits)


class OneGroup(WithoutGroups):
    """The same images, all of one group."""

    group_names = ("all",)  # type: ignore[assignment]
    aligned = None


@pytest.mark.parametrize("choice", [{"weighting": FairDD()}, {"weighting": Barycenter()}, {"sampler": Stratified()}])
def test_what_needs_groups_says_so_where_there_are_none(choice):
    with pytest.raises(ConfigError, match="group"):
        trainer().distill(distiller(**choice), OneGroup())


class Asking(Vanilla):
    """Notes what it is told."""

    told: ClassVar[list[Evidence]] = []

    def __init__(self, wants: Sequence[str] = ()) -> None:
        for want in wants:
            setattr(self, f"needs_{want}", True)

    def __call__(self, evidence):
        Asking.told.append(evidence)
        return super().__call__(evidence)


@pytest.mark.parametrize(
    ("want", "fields"),
    [
        ([], set()),
        (["groups"], {"groups", "num_groups"}),
        (["index"], {"index"}),
        (["cell_sizes"], {"cell_sizes"}),
        (["groups", "cell_sizes"], {"groups", "num_groups", "cell_sizes"}),
    ],
)
def test_a_weighting_is_told_what_it_asks_for(digits, want, fields):
    Asking.told.clear()
    trainer().distill(distiller(weighting=Asking(want), iterations=1), digits)
    assert len(Asking.told) == 10
    for c, evidence in enumerate(Asking.told):
        assert evidence.size == BATCH
        assert {f.name for f in dataclasses.fields(evidence) if getattr(evidence, f.name) is not None} == {
            "size",
            *fields,
        }
        if "index" in fields:
            assert (digits.train.targets[evidence.index] == c).all()
        if "groups" in fields:
            assert evidence.num_groups == 10
        if "cell_sizes" in fields:
            assert evidence.cell_sizes is not None
            assert torch.equal(evidence.cell_sizes, digits.train.cells(10, 10)[c])


def test_an_encoder_for_something_else_does_not_reach_a_weighting(digits):
    model = distiller(weighting=Vanilla(), iterations=1)
    runs = trainer()
    runs.distill(model, digits)
    model.embeddings = torch.zeros(len(digits.train), 3)
    assert model.evidence(torch.arange(3)).embeddings is None


class OnlyAligned(ColoredDigits):
    """A bias without exception."""

    def __init__(self) -> None:
        super().__init__(conflict_ratio=0.0)


def test_groups_without_images_cannot_be_balanced_by_drawing():
    with pytest.raises(
        ConfigError, match=r"class 0 has none of group 1 \(90 of 100 cells are empty\): use sampler Uniform"
    ):
        trainer().distill(distiller(sampler=Stratified()), OnlyAligned())
    made = trainer().distill(distiller(weighting=FairDD(), iterations=1), OnlyAligned())
    assert len(made) == 10 * IPC


class LacksAClass(ColoredDigits):
    """No image of class 4."""

    def setup(self, stage=None):
        super().setup(stage)
        train = self._sets["train"]
        self._sets["train"] = train.subset((train.targets != 4).nonzero()[:, 0])


@pytest.mark.parametrize("sampler", [Uniform(), Stratified()])
def test_a_class_without_images_is_named(sampler):
    with pytest.raises(ConfigError, match="class '4' of data set colored_digits has no training image"):
        trainer().distill(distiller(sampler=sampler, initialiser=Noise()), LacksAClass())


@pytest.mark.parametrize("weighting", [FairDD(groups=KMeansClusters(3)), Barycenter(groups=DBSCANClusters())])
def test_inferred_groups_read_no_labels(tmp_path, weighting):
    found = []
    for i, data in enumerate((ColoredDigits(), OneGroup())):
        encoder = SupCon(10, 10, (3, 16, 16), partial(ConvNet, width=4, norm="batch"), 16, 8, steps=4)
        trainer().fit(encoder, datamodule=data)
        model = distiller(weighting=weighting)
        model.encoder = encoder.save_artefact(tmp_path / str(i))
        trainer().distill(model, data)
        found.append(model.images.detach())
    assert torch.equal(*found)
    with pytest.raises(ConfigError, match=r"fdd fit.*--encoder"):
        trainer().distill(distiller(weighting=weighting), ColoredDigits())


def test_wrong_labels_stay_wrong_in_the_same_way(digits):
    """The weights of an image's group do not change between steps, runs or distillation seeds."""
    weighting = FairDD(groups=WrongLabels(0.5))
    made = [trainer().distill(distiller(weighting=weighting), digits).images for _ in range(2)]
    assert torch.equal(*made)
    assert not torch.equal(made[0], trainer().distill(distiller(weighting=FairDD()), digits).images)
    model = distiller(weighting=weighting)
    trainer().distill(model, digits)
    index = digits.train.members(0)[:40]
    first = weighting.groups(model.evidence(index))
    shuffled = torch.randperm(40)
    assert torch.equal(weighting.groups(model.evidence(index[shuffled])), first[shuffled])


def test_groupings_stand_in_the_settings(digits):
    made = trainer().distill(distiller(weighting=FairDD(groups=WrongLabels(0.3))), digits)
    found = {k: v for k, v in made.metadata["settings"].items() if k.startswith("weighting")}
    assert found == {
        "weighting.groups": "fdd_lightning.matching.groupings.WrongLabels",
        "weighting.groups.rate": 0.3,
    }


@pytest.mark.parametrize(("argument", "value"), [("images_per_class", 0), ("iterations", 0)])
def test_senseless_numbers_are_refused(argument, value):
    with pytest.raises(ConfigError, match=f"{argument} must be at least 1, not 0"):
        distiller(**{argument: value})


def test_steps_that_are_too_large_are_named(digits):
    with pytest.raises(NotFiniteError, match=r"after 2 steps: image 0 of class 0 is not finite .*: lower lr_images"):
        trainer().distill(distiller(lr_images=1e30), digits)
    with pytest.raises(ConfigError, match="lr_images must be at least 0"):
        distiller(lr_images=-1.0)


def test_more_images_than_a_class_has(digits):
    with pytest.raises(ConfigError, match=r"class 0 has \d+ training images.*Noise"):
        trainer().distill(distiller(images_per_class=500), digits)
    noise = distiller(images_per_class=150, initialiser=Noise(), iterations=1)
    assert len(trainer().distill(noise, digits)) == 1500


def test_metadata_tell_how_the_set_was_made(digits):
    made = trainer().distill(distiller(weighting=FairDD("mean")), digits)
    meta = made.metadata
    assert (meta["dataset"], meta["method"], meta["weighting"]) == ("colored_digits", "dm", "fairdd")
    assert (meta["ipc"], meta["distill_seed"], meta["conflict_ratio"]) == (IPC, SEED, 0.1)
    assert meta["data_fingerprint"] == digits.fingerprint
    assert meta["settings"] == {
        "weighting.reduction": "mean",
        "surrogate.network.width": 4,
        "surrogate.network.depth": 2,
        "sampler.batch_size": BATCH,
        "iterations": STEPS,
        "lr_images": LR,
    }
    assert meta["config"]["class_path"] == "fdd_lightning.modules.distiller.Distiller"
    assert meta["parameterisation"] == "pixels"
    assert made.labels.tolist() == [c for c in range(10) for _ in range(IPC)]


def test_an_encoder_that_was_not_asked_for_is_not_read(fdd):
    assert fdd(*FIT, "--output=encoder").code == 0
    assert fdd(*DISTILL, "--encoder=encoder/encoder.safetensors", "--output=x").code == 0
    assert "steps" not in SyntheticSet.load("x/synthetic.safetensors").metadata["settings"]
