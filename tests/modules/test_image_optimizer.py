"""The images' optimiser and schedule against literal updates, and what is said of the recommended way."""

import math
from functools import partial

import pytest
import torch

from fdd_lightning.artefacts.encoder import save_encoder
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.extractors import EncoderBackbone
from fdd_lightning.matching.groupings import NeighbourVote
from fdd_lightning.matching.initialisers import Selected
from fdd_lightning.matching.samplers import Importance, KMeans, Uniform
from fdd_lightning.matching.surrogates import Fresh, OnReal
from fdd_lightning.matching.weightings import KDE, Barycenter, FairDD, Vanilla, Vote
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.networks import ConvNet, Encoder
from fdd_lightning.training import CosineDecay
from tests.modules.conftest import trainer

SMALL = {"sampler": Uniform(12), "images_per_class": 2, "iterations": 4, "lr_images": 0.1}


class Watched(Distiller):
    """Keeps the images before each step, and their gradients."""

    before: list[torch.Tensor]
    gradients: list[torch.Tensor]

    def loss(self, tick, classes):
        loss = super().loss(tick, classes)
        self.before.append(self.images.detach().clone())
        self.gradients.append(torch.autograd.grad(loss, self.images, retain_graph=True)[0])
        return loss


def distiller(cls=Distiller, **arguments):
    given = {"surrogate": Fresh(partial(ConvNet, width=4, depth=2)), **SMALL, **arguments}
    return cls(10, (3, 16, 16), **given)


def watched(digits, **arguments):
    model = distiller(Watched, **arguments)
    model.before, model.gradients = [], []
    trainer().distill(model, digits)
    return [*model.before, model.images.detach()], model.gradients


def test_adam_with_a_cosine_takes_the_steps_that_their_formulas_say(digits):
    images, gradients = watched(
        digits, optimizer=partial(torch.optim.Adam, betas=(0.5, 0.99)), schedule=partial(CosineDecay, end=0.05)
    )
    first, second = torch.zeros_like(images[0]), torch.zeros_like(images[0])
    for t, gradient in enumerate(gradients):
        first, second = 0.5 * first + 0.5 * gradient, 0.99 * second + 0.01 * gradient**2
        rate = 0.1 * (0.05 + 0.95 * (1 + math.cos(math.pi * t / 4)) / 2)
        step = (first / (1 - 0.5 ** (t + 1))) / ((second / (1 - 0.99 ** (t + 1))).sqrt() + 1e-8)
        torch.testing.assert_close(images[t + 1], images[t] - rate * step, rtol=1e-4, atol=1e-6)


def test_any_scheduler_of_torchs_serves(digits):
    """Two steps of a tenth each after the first two."""
    images, gradients = watched(digits, momentum=0.0, schedule=partial(torch.optim.lr_scheduler.StepLR, step_size=2))
    for t, gradient in enumerate(gradients):
        torch.testing.assert_close(images[t + 1], images[t] - (0.1 if t < 2 else 0.01) * gradient)


def test_averaged_rows_make_one_step_size_serve_all(digits):
    """FairDD's loss over averaged rows has the barycenter's gradient, whatever the published sum is."""
    of = {"sampler": Uniform(64), "momentum": 0.0, "iterations": 1}
    averaged = watched(digits, weighting=FairDD(), average_rows=True, **of)[1][0]
    barycenter = watched(digits, weighting=Barycenter(), **of)[1][0]
    torch.testing.assert_close(averaged, barycenter, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": partial(torch.optim.Adam, lr=0.5)}, "optimizer.lr"),
        ({"schedule": CosineDecay, "lr_halvings": (0.5,)}, "leave one out"),
        ({"optimizer": torch.optim.Adam, "momentum": 0.9}, "momentum is that of plain SGD"),
    ],
)
def test_two_ways_to_say_one_thing_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        distiller(**arguments)


def test_an_optimiser_that_refuses_its_settings_is_one_line(digits):
    with pytest.raises(ConfigError, match="the optimiser of the images cannot serve: Invalid"):
        trainer().distill(distiller(optimizer=partial(torch.optim.Adam, betas=(2.0, 0.9))), digits)


@pytest.mark.parametrize(
    "schedule",
    [
        partial(torch.optim.lr_scheduler.StepLR, step_size=0),
        torch.optim.lr_scheduler.ReduceLROnPlateau,
        partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=2),  # refuses at the third step
        torch.optim.lr_scheduler.LRScheduler,
    ],
)
def test_a_schedule_that_torch_refuses_is_refused_before_the_first_step(digits, schedule):
    with pytest.raises(ConfigError, match="the schedule of the images cannot serve: ") as caught:
        trainer().distill(distiller(schedule=schedule), digits)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("optimizer", [torch.optim.LBFGS, torch.optim.SparseAdam])
def test_an_optimiser_that_cannot_step_is_refused(digits, optimizer):
    with pytest.raises(ConfigError, match="the optimiser of the images cannot serve: "):
        trainer().distill(distiller(optimizer=optimizer), digits)


def test_the_start_is_selected_by_the_weighting(digits):
    def start(weighting):
        model = distiller(weighting=weighting, initialiser=Selected(), images_per_class=10, iterations=1, lr_images=0.0)
        trainer().distill(model, digits)
        return model.images.detach()

    train = digits.train
    every = train.batch(torch.arange(len(train)))["image"].flatten(1)
    for weighting, groups_of_zero in ((FairDD(), 10), (Vanilla(), 3)):
        chosen = torch.cdist(start(weighting)[:10].flatten(1), every).argmin(1)
        assert len(chosen.unique()) == 10
        assert set(train.targets[chosen].tolist()) == {0}
        found = len(train.groups[chosen].unique())
        assert found == 10 if groups_of_zero == 10 else found <= groups_of_zero


RECOMMENDED = {"sampler": Importance(20), "initialiser": Selected(), "variant": "recommended", "average_rows": True}


@pytest.mark.parametrize(
    ("arguments", "reads", "signal"),
    [
        ({"weighting": Vote(), **RECOMMENDED}, False, "vote"),
        ({"weighting": FairDD(), **RECOMMENDED}, True, None),
        ({"weighting": Vanilla(), **RECOMMENDED}, False, None),
        ({"weighting": Vanilla(), "sampler": KMeans(12, within_groups=True)}, True, None),
    ],
)
def test_a_set_says_whether_it_read_groups_and_what_was_found(digits, capsys, arguments, reads, signal):
    made = trainer().distill(distiller(**arguments), digits)
    assert made.metadata["reads_groups"] is reads
    assert made.metadata["signal"] == signal
    assert made.metadata["variant"] == arguments.get("variant", "published")
    said = capsys.readouterr().err
    assert ("colored_digits: the vote finds 10.3% of images" in said) == (signal == "vote")


@pytest.mark.parametrize("weighting", [Vote(), KDE(), Vote(groups=NeighbourVote([EncoderBackbone(8)], insist=True))])
def test_the_label_free_way_reads_no_group_labels(digits, tmp_path, weighting):
    """With all groups set to 0 the images are the same to the bit."""
    encoder = Encoder(partial(ConvNet, width=4), 10, (3, 16, 16), hidden=8, dimension=4)
    save_encoder(tmp_path / "encoder.safetensors", encoder, {"dataset": "colored_digits", "settings": {}})
    made = []
    for blind in (False, True):
        if blind:
            digits._sets["train"] = digits.train.without_groups()
        model = distiller(weighting=weighting, **RECOMMENDED)
        model.encoder = tmp_path / "encoder.safetensors" if weighting.needs_embeddings else None
        made.append(trainer().distill(model, digits).images)
    assert torch.equal(*made)


def test_few_effective_images_are_warned_of_once(digits, capsys):
    trainer(log_every_n_steps=1).distill(distiller(weighting=FairDD(), sampler=Importance(5)), digits)
    said = capsys.readouterr().err
    assert said.count("warning: a class is matched by an effective 10.0 images") == 0
    trainer(log_every_n_steps=1).distill(distiller(sampler=Importance(5)), digits)
    assert capsys.readouterr().err.count("warning: a class is matched by an effective 5.0 images") == 1


def test_where_nothing_is_found_the_vote_costs_nothing():
    """On the unbiased twin the images are those of vanilla, to the bit."""
    data = ColoredDigits(conflict_ratio=None)
    data.setup()
    made = [trainer().distill(distiller(weighting=w, **RECOMMENDED), data) for w in (Vote(), Vanilla())]
    assert torch.equal(made[0].images, made[1].images)
    assert made[0].metadata["signal"] == "none"


@pytest.mark.parametrize("correlation", [0.9, 0.3, None])
def test_what_an_encoder_was_found_to_be_worth_is_said_and_kept(digits, capsys, tmp_path, correlation):
    encoder = Encoder(partial(ConvNet, width=4), 10, (3, 16, 16), hidden=8, dimension=4)
    densities = {} if correlation is None else {"densities": {"sibling_correlation": correlation}}
    save_encoder(tmp_path / "encoder.safetensors", encoder, {"dataset": "colored_digits", "settings": {}, **densities})
    model = distiller(weighting=KDE())
    model.encoder = tmp_path / "encoder.safetensors"
    made = trainer().distill(model, digits)
    said = capsys.readouterr().err
    assert made.metadata["signal"] == {0.9: "encoder", 0.3: "doubtful", None: None}[correlation]
    assert ("colored_digits: the weights by two encoders" in said) == (correlation is not None)
    assert ("do not trust them" in said) == (correlation == 0.3)


def test_the_networks_of_a_surrogate_see_groups_as_the_weighting_weighs_them(digits):
    """FairDD's rows together: within a class each group has the same share, and classes keep theirs."""
    surrogate = OnReal(partial(ConvNet, width=4), inner=2, images=20, batch_size=10)
    model = distiller(weighting=FairDD(), surrogate=surrogate, surrogate_by_weight=True)
    trainer().distill(model, digits)
    train = digits.train
    for c in range(10):
        members = [i for i in range(len(train)) if int(train.targets[i]) == c]
        groups = [int(train.groups[i]) for i in members]
        for i, group in zip(members, groups, strict=True):
            expected = len(members) / len(train) / len(set(groups)) / groups.count(group)
            assert float(model._shares[i]) == pytest.approx(expected)


@pytest.mark.parametrize(("far", "warned"), [(9.0, False), (30.0, True)])
def test_pixels_that_run_away_are_told(digits, capsys, tmp_path, far, warned):
    model = distiller(iterations=1)
    trainer().distill(model, digits)
    with torch.no_grad():
        model.images[0, 0, 0, 0] = far  # normalised by 0.5 and 0.5: (far + 1) / 2 of an image's range
    model.save_artefact(tmp_path)
    said = capsys.readouterr().err
    assert ("to 15.5, where 0 to 1 is an image: lower lr_images" in said) == warned
    assert ("pixels of the synthetic images" in said) == warned
