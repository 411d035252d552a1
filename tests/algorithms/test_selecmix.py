"""SelecMix against a literal loop."""

from functools import partial

import pytest
import torch

from fdd_lightning.algorithms import SelecMix, SelecMixLfF
from fdd_lightning.algorithms.selecmix import contradicting
from fdd_lightning.errors import ConfigError
from fdd_lightning.networks import MLP
from fdd_lightning.utils.rng import generator
from tests.algorithms.small import LiteralDifficulty, batch, gradients, literal_ce, literal_gce, made

pytestmark = pytest.mark.usefixtures("double")

SMALL = {"encoder": partial(MLP, widths=(16,)), "hidden": 16, "dimension": 8}


def cosines(learner, images):
    with torch.no_grad():
        z = [learner.encoder(x[None])[0] for x in images]
    return [[float((a * b).sum()) for b in z] for a in z]


def literal_mixes(learner, content, step):
    """Partners, mixes and their labels, one image after the other."""
    draws = generator(learner.clock.seed, "mix", step)
    positive = float(torch.rand(1, generator=draws)) > 0.5
    lambdas = torch.rand(len(content["target"]), generator=draws).tolist()
    labels, cosine = content["target"].tolist(), cosines(learner, content["image"])
    mixes, mixed_labels = [], []
    for i, label in enumerate(labels):
        candidates = [(cosine[i][j], j) for j, other in enumerate(labels) if (other == label) == positive]
        j = (min(candidates) if positive else max(candidates))[1]
        share = lambdas[i] * 0.5
        mixes.append(share * content["image"][i] + (1 - share) * content["image"][j])
        mixed_labels.append(labels[j])
    return positive, mixes, mixed_labels


def literal_gsc(learner, images, labels):
    z = [learner.encoder(x[None])[0] for x in images]
    total = 0.0
    for i in range(len(z)):
        e = [torch.exp((z[i] * other).sum() / 0.2) for other in z]
        everyone_else = sum(e[k] for k in range(len(z)) if k != i)
        positives = [j for j in range(len(z)) if j != i and labels[j] == labels[i]]
        for j in positives:
            p = e[j] / everyone_else
            total = total - 0.7 * p.item() ** 0.7 * torch.log(p) / len(positives)
    return total / len(z)


def literal_loss(learner, part, mixes, mixed_labels, difficulty):
    labels, count = part["target"].tolist(), len(part["target"])
    on_mixes = sum(literal_ce(learner.network(m[None])[0], t) for m, t in zip(mixes, mixed_labels, strict=True)) / count
    if difficulty is None:
        return on_mixes
    biased = [learner.biased(x[None])[0] for x in part["image"]]
    plain = [literal_ce(learner.network(x[None])[0], t) for x, t in zip(part["image"], labels, strict=True)]
    b = [literal_ce(z, t) for z, t in zip(biased, labels, strict=True)]
    w = difficulty.weights(b, plain, part["index"])
    lff = sum(w[i] * plain[i] + literal_gce(biased[i], labels[i]) for i in range(count)) / count
    return lff + 0.1 * on_mixes


@pytest.mark.parametrize("kind", [SelecMix, SelecMixLfF])
def test_loss_and_gradient_of_every_update_of_a_batch(kind):
    """Partners are found in the whole batch by the encoder as it was before the batch's updates."""
    learner = made(kind, pool=2, **SMALL)
    difficulty = LiteralDifficulty() if kind is SelecMixLfF else None
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.02)
    step, coins = 0, set()
    for round in range(4):
        content = batch(round, count=11)
        positive, mixes, mixed_labels = literal_mixes(learner, content, step)
        coins.add(positive)
        sizes = []
        for number, loss in enumerate(learner.losses(content, 6)):
            part = slice(6 * number, 6 * number + 6)
            piece = {key: value[part] for key, value in content.items()}
            expected = literal_loss(learner, piece, mixes[part], mixed_labels[part], difficulty)
            expected = expected + literal_gsc(learner, piece["image"], piece["target"].tolist())
            torch.testing.assert_close(loss, expected)
            torch.testing.assert_close(gradients(loss, learner), gradients(expected, learner))
            optimizer.zero_grad()
            loss.backward()
            assert all(p.grad is not None for p in learner.parameters())
            optimizer.step()
            sizes.append(len(piece["target"]))
            step += 1
        assert sizes == [6, 5]
    assert coins == {True, False}


def test_partners_that_contradict():
    similarity = torch.tensor([[1.0, 0.9, -0.8, -0.5], [0.9, 1.0, 0.2, -0.1], [-0.8, 0.2, 1.0, 0.3]])
    labels = torch.tensor([0, 0, 0, 1])
    same = labels[:3, None] == labels
    places = torch.arange(3)
    assert contradicting(similarity, same, places, positive=True).tolist() == [2, 2, 0]
    # The only image of another label, although its similarity is negative.
    assert contradicting(similarity, same, places, positive=False).tolist() == [3, 3, 3]


def test_an_image_without_a_partner_is_its_own():
    similarity = torch.eye(3)
    places = torch.arange(3)
    alone = torch.eye(3, dtype=torch.bool)
    assert contradicting(similarity, alone, places, positive=True).tolist() == [0, 1, 2]
    everyone = torch.ones(3, 3, dtype=torch.bool)
    assert contradicting(similarity, everyone, places, positive=False).tolist() == [0, 1, 2]


def test_a_batch_by_itself_is_its_own_pool():
    content = batch(0)
    one, other = made(SelecMix, **SMALL), made(SelecMix, **SMALL)
    assert torch.equal(one.loss(content), next(other.losses(content, len(content["target"]))))


def test_a_single_image_has_a_loss():
    loss = made(SelecMix, **SMALL).loss({k: v[:1] for k, v in batch(0).items()})
    assert loss.isfinite()


def test_the_encoder_has_an_optimiser_of_its_own():
    learner = made(SelecMixLfF, encoder_optimizer=torch.optim.SGD, **SMALL)
    (main, networks), (own, encoder) = learner.parts()
    assert (main, own) == (None, torch.optim.SGD)
    assert {id(p) for p in encoder} == {id(p) for p in learner.encoder.parameters()}
    assert {id(p) for p in networks} == {id(p) for n in (learner.network, learner.biased) for p in n.parameters()}


@pytest.mark.parametrize("kind", [SelecMix, SelecMixLfF])
def test_resumes_from_its_state(kind):
    whole, cut = made(kind, **SMALL), made(kind, **SMALL)
    for learner in (whole, cut):
        list(learner.losses(batch(0), 4))
    again = made(kind, seed=7, **SMALL)
    again.load_state_dict(cut.state_dict())
    for step in (1, 2):
        for one, other in zip(again.losses(batch(step), 4), whole.losses(batch(step), 4), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("argument", ["pool", "temperature", "q"])
def test_numbers_that_must_be_positive(argument):
    with pytest.raises(ConfigError, match=f"SelecMix {argument} must be above 0"):
        made(SelecMix, **SMALL, **{argument: 0})


def test_a_negative_weight_of_mixes_is_refused():
    with pytest.raises(ConfigError, match="SelecMixLfF mix_weight must be at least 0"):
        made(SelecMixLfF, **SMALL, mix_weight=-0.1)
