"""Evaluations by a preset: trained as it says, and recorded."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms import LfF
from fdd_lightning.augment import DiffAug, NoAugmentation
from fdd_lightning.augment.cutmix import cutmix
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings import Vanilla
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.row_identity import evaluation_identity
from fdd_lightning.modules.selection import Selection
from fdd_lightning.networks import ConvNet
from fdd_lightning.utils.rng import generator, seeded
from tests.modules.conftest import trainer

NETWORK = partial(ConvNet, width=4, depth=2)


@pytest.fixture
def chosen(digits):
    """Thirty real images."""
    return trainer().distill(Selection(10, (3, 16, 16), 3, Vanilla(), seed=4), digits)


def evaluator(synthetic, **arguments):
    model = Evaluator(10, 10, (3, 16, 16), **{"network": NETWORK, "count": 2, **arguments})
    model.synthetic = synthetic
    return model


def by_idc(synthetic, network, epochs, batch_size, mixes):
    """IDC's loop: torch's own schedule, augmentation, then cutmix with two losses; draws are those of the Evaluator."""
    images, labels = synthetic.images, synthetic.labels
    with seeded(0, "network", network):
        model = NETWORK(10, (3, 16, 16))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    milestones = [2 * epochs // 3, 5 * epochs // 6]
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.2)
    step, mixed = 0, 0
    for epoch in range(epochs):
        order = torch.randperm(len(labels), generator=generator(0, "order", network, epoch))
        for index in order.split(batch_size):
            draws = generator(0, "augmentation", network, step)
            strategy = "color_crop_flip_scale_rotate" if mixes else "color_crop_scale_rotate"
            batch, target = DiffAug(strategy)(images[index], draws, siamese=False), labels[index]
            if mixes and float(torch.rand(1, generator=draws)) < 0.5:
                mixed += 1
                partner, share = torch.randperm(len(index), generator=draws), float(torch.rand(1, generator=draws))
                batch, kept = cutmix(batch, batch[partner], share, draws)
                output = model(batch)
                loss = cross_entropy(output, target) * kept + cross_entropy(output, target[partner]) * (1.0 - kept)
            else:
                loss = cross_entropy(model(batch), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
        scheduler.step()
    return model, mixed, step


@pytest.mark.parametrize("preset", ["idc", "idc_mnist"])
def test_networks_are_trained_as_idc_trains_them(digits, chosen, preset):
    model = evaluator(chosen, preset=preset, epochs=6, batch_size=16)
    trainer().eval(model, digits)
    for j, learner in enumerate(model.learners):
        expected, mixed, steps = by_idc(chosen, j, 6, 16, mixes=preset == "idc")
        assert (0 < mixed < steps) == (preset == "idc")
        for (name, own), other in zip(learner.network.named_parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6, msg=name)


def test_what_is_not_given_is_the_presets(chosen):
    model = evaluator(chosen, preset="idc", count=None)
    regime = model.by_preset()
    assert (model.count, regime.batch_size, regime.num_steps(per_epoch=1)) == (3, 64, 1000)
    assert vars(regime.augmentation)["names"] == ("color", "crop", "flip", "scale", "rotate")
    assert regime.drops(per_epoch=1) == [666, 833]
    given = evaluator(chosen, preset="idc", count=1, batch_size=8, epochs=9, augmentation=NoAugmentation(), lr=0.5)
    regime = given.by_preset()
    assert (given.count, regime.batch_size, regime.num_steps(per_epoch=2), regime.lr) == (1, 8, 18, 0.5)
    assert isinstance(regime.augmentation, NoAugmentation)
    assert regime.drops(per_epoch=2) == [12, 14]


def test_the_row_says_the_preset_and_only_what_differs_from_it(digits, chosen):
    model = evaluator(chosen, preset="idc_mnist", count=None, epochs=1)
    row = trainer().eval(model, digits)
    assert row is not None
    assert (row["preset"], row["eval_networks"]) == ("idc_mnist", 3)
    assert row["eval_settings"] == {"network.width": 4, "network.depth": 2, "epochs": 1}
    same = evaluator(
        chosen, preset="idc_mnist", epochs=1, batch_size=64, augmentation=DiffAug("color_crop_scale_rotate")
    )
    other = evaluator(chosen, preset="idc_mnist", epochs=1, batch_size=256, augmentation=DiffAug("color"))
    told = [evaluation_identity(m.spec, "synthetic")["eval_settings"] for m in (model, same, other)]
    assert told[0] == told[1] == row["eval_settings"]
    assert told[2] == {**told[0], "batch_size": 256, "augmentation.strategy": "color"}


def test_unknown_presets_and_trainers_that_do_not_mix_are_refused(digits, chosen):
    with pytest.raises(ConfigError, match="preset 'fast' is not in configs/eval"):
        evaluator(chosen, preset="fast")
    with pytest.raises(ConfigError, match="trainer lff does not take"):
        trainer().eval(evaluator(chosen, preset="idc", learner=LfF), digits)
