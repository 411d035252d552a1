"""LfF against a literal loop."""

import math

import pytest
import torch

from fdd_lightning.algorithms import LfF
from fdd_lightning.algorithms.lff import LossMemory, RelativeDifficulty
from tests.algorithms.small import LiteralDifficulty, batch, gradients, literal_ce, literal_gce, made

pytestmark = pytest.mark.usefixtures("double")


def literal(learner, content, difficulty):
    """One image after the other."""
    terms = []
    biased = [learner.biased(x[None])[0] for x in content["image"]]
    debiased = [learner.network(x[None])[0] for x in content["image"]]
    labels = content["target"].tolist()
    b = [literal_ce(z, t) for z, t in zip(biased, labels, strict=True)]
    d = [literal_ce(z, t) for z, t in zip(debiased, labels, strict=True)]
    weights = difficulty.weights(b, d, content["index"])
    for z, t, w, plain in zip(biased, labels, weights, d, strict=True):
        terms.append(literal_gce(z, t) + w * plain)
    return sum(terms) / len(terms)


def test_loss_and_gradient_over_several_updates():
    """Images come again, so that smoothing counts; the class's largest may be of an image that is not in the batch."""
    learner, difficulty = made(LfF), LiteralDifficulty()
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.05)
    for step in range(5):
        content = batch(step)
        expected = literal(learner, content, difficulty)
        wanted = gradients(expected, learner)
        optimizer.zero_grad()
        loss = learner.loss(content)
        loss.backward()
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close([p.grad for p in learner.parameters()], wanted)
        optimizer.step()


def test_the_debiased_network_is_the_one_that_is_used():
    learner, images = made(LfF), batch(0)["image"]
    assert torch.equal(learner(images), learner.network(images))
    assert not torch.equal(learner.network.classifier.weight, learner.biased.classifier.weight)


def test_images_that_only_the_biased_network_fails_on_weigh_most():
    difficulty = RelativeDifficulty(4, 2)
    index, labels = torch.arange(4), torch.tensor([0, 0, 1, 1])
    weights = difficulty(torch.tensor([2.0, 0.1, 3.0, 0.1]), torch.tensor([0.1, 0.1, 0.1, 0.1]), labels, index)
    torch.testing.assert_close(weights, torch.tensor([1 / 2, 0.05 / 1.05, 1 / 2, 0.1 / 3 / (0.1 / 3 + 1)]))


def test_a_class_that_is_learned_to_the_last_bit_is_no_number_problem():
    difficulty = RelativeDifficulty(2, 1)
    weights = difficulty(torch.zeros(2), torch.zeros(2), torch.zeros(2, dtype=torch.long), torch.arange(2))
    assert weights.tolist() == [0.0, 0.0]


def test_the_memory_is_smoothed_from_the_second_visit_on():
    memory = LossMemory(3, 2, 0.7)
    for loss in (4.0, 1.0, 2.0):
        memory.remember(torch.tensor([loss]), torch.tensor([1]), torch.tensor([2]))
    assert float(memory.mean[2]) == pytest.approx(0.7 * (0.7 * 4 + 0.3 * 1) + 0.3 * 2)
    assert memory.seen.tolist() == [False, False, True]
    assert math.isclose(float(memory.relative(torch.tensor([1]), torch.tensor([2]))), 1.0)


def test_resumes_from_its_state():
    whole, cut = made(LfF), made(LfF)
    for learner in (whole, cut):
        learner.loss(batch(0))
    again = made(LfF, seed=5)
    again.load_state_dict(cut.state_dict())
    for step in (1, 2):
        assert torch.equal(again.loss(batch(step)), whole.loss(batch(step)))
