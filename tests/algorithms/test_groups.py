"""Learners that read group labels, against literal loops."""

import math

import pytest
import torch

from fdd_lightning.algorithms import GroupDRO, Reweighted
from fdd_lightning.errors import ConfigError
from fdd_lightning.training.batches import epoch_order
from tests.algorithms.small import (
    CLASSES,
    GROUPS,
    NETWORK,
    SHAPE,
    SIZE,
    batch,
    gradients,
    groups,
    literal_ce,
    made,
    targets,
)

pytestmark = pytest.mark.usefixtures("double")


def cell_sizes():
    found: dict[tuple[int, int], int] = {}
    for cell in zip(targets().tolist(), groups().tolist(), strict=True):
        found[cell] = found.get(cell, 0) + 1
    return found


def cells(content):
    return list(zip(content["target"].tolist(), content["group"].tolist(), strict=True))


def literal_dro(learner, content, q, adjustment):
    """Algorithm 1, one image and one cell after the other; changes q."""
    losses = [
        literal_ce(learner.network(x[None])[0], t)
        for x, t in zip(content["image"], content["target"].tolist(), strict=True)
    ]
    means = {}
    for cell in q:
        own = [loss for loss, other in zip(losses, cells(content), strict=True) if other == cell]
        means[cell] = sum(own) / len(own) if own else torch.zeros(())
    for cell in q:
        q[cell] *= math.exp(0.5 * (means[cell].item() + adjustment / math.sqrt(cell_sizes()[cell])))
    total = sum(q.values())
    for cell in q:
        q[cell] /= total
    return sum(q[cell] * means[cell] for cell in q)


@pytest.mark.parametrize("adjustment", [0.0, 2.0])
def test_group_dro(adjustment):
    learner = made(GroupDRO, step_size=0.5, adjustment=adjustment)
    q = {cell: 1 / len(cell_sizes()) for cell in cell_sizes()}
    assert len(q) == 5  # of six cells one is empty
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.05)
    for step in range(5):
        content = batch(step)
        expected = literal_dro(learner, content, q, adjustment)
        wanted = gradients(expected, learner)
        loss = learner.loss(content)
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(gradients(loss, learner), wanted)
        for (target, group), weight in q.items():
            assert float(learner.q[target * GROUPS + group]) == pytest.approx(weight)
        assert float(learner.q[2 * GROUPS + 1]) == 0
        optimizer.zero_grad()
        literal_ce(learner.network(content["image"][:1])[0], 0).backward()
        optimizer.step()


def test_reweighted_by_loss():
    learner, content = made(Reweighted, by="loss"), batch(0)
    expected = 0.0
    for x, (target, group) in zip(content["image"], cells(content), strict=True):
        weight = SIZE / (len(cell_sizes()) * cell_sizes()[target, group])
        expected = expected + weight * literal_ce(learner.network(x[None])[0], target)
    expected = expected / len(content["target"])
    loss = learner.loss(content)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradients(loss, learner), gradients(expected, learner))
    assert learner.chances is None


def test_reweighted_by_draws_is_the_plain_loss():
    learner, content = made(Reweighted), batch(0)
    terms = [
        literal_ce(learner(x[None])[0], t) for x, t in zip(content["image"], content["target"].tolist(), strict=True)
    ]
    torch.testing.assert_close(learner.loss(content), sum(terms) / len(terms))


@pytest.mark.parametrize("kind", [GroupDRO, Reweighted])
def test_every_cell_is_drawn_as_often_as_the_others(kind):
    chances = made(kind).chances
    totals: dict[tuple[int, int], float] = {}
    for cell, chance in zip(zip(targets().tolist(), groups().tolist(), strict=True), chances.tolist(), strict=True):
        totals[cell] = totals.get(cell, 0.0) + chance
    assert list(totals.values()) == pytest.approx([SIZE / 5] * 5)
    order = torch.cat([epoch_order(SIZE, chances, torch.Generator().manual_seed(seed)) for seed in range(500)])
    drawn = torch.bincount(targets()[order] * GROUPS + groups()[order], minlength=6)
    assert [int(n) / len(order) for n in drawn] == pytest.approx([0.2] * 5 + [0.0], abs=0.02)


def test_without_balance_each_image_comes_once():
    assert made(GroupDRO, balanced=False).chances is None


@pytest.mark.parametrize("kind", [GroupDRO, Reweighted])
def test_training_sets_without_groups_are_refused(kind):
    learner = kind(NETWORK, CLASSES, SHAPE, SIZE)
    told = f"trainer {kind.name} needs group labels, and this data set has none: take lff, dfa or selecmix"
    for labels in (None, torch.zeros(SIZE, dtype=torch.long)):
        with pytest.raises(ConfigError, match=told):
            learner.prepare(targets(), labels, 1)
    with pytest.raises(ConfigError, match=r"a synthetic set has none: train it on the real set \(in a recipe: method"):
        learner.prepare(targets(), None, 2)


def test_resumes_from_its_state():
    whole, cut = made(GroupDRO, step_size=1.0), made(GroupDRO, step_size=1.0)
    for learner in (whole, cut):
        learner.loss(batch(0))
    again = made(GroupDRO, seed=5, step_size=1.0)
    again.load_state_dict(cut.state_dict())
    for step in (1, 2):
        assert torch.equal(again.loss(batch(step)), whole.loss(batch(step)))


@pytest.mark.parametrize("argument", ["step_size", "adjustment"])
def test_negative_numbers_are_refused(argument):
    with pytest.raises(ConfigError, match=f"GroupDRO {argument} must be at least 0"):
        made(GroupDRO, **{argument: -1.0})


def test_an_unknown_way_to_reweight_is_refused():
    with pytest.raises(ConfigError, match="Reweighted by must be draws or loss, not 'luck'"):
        made(Reweighted, by="luck")
