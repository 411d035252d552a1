"""DFA against a literal loop."""

import pytest
import torch

from fdd_lightning.algorithms import DFA
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.rng import generator
from tests.algorithms.small import LiteralDifficulty, batch, gradients, literal_ce, literal_gce, made

pytestmark = pytest.mark.usefixtures("double")

WEIGHTS = {"swap_after": 2, "lambda_dis": 3.0, "lambda_swap_b": 2.0, "lambda_swap": 0.5}


def literal(learner, content, difficulty, step):
    """Equations 2 to 4 of the paper, one image after the other."""
    labels, count = content["target"].tolist(), len(content["target"])
    intrinsic = [learner.network.embed(x[None])[0] for x in content["image"]]
    bias = [learner.biased.embed(x[None])[0] for x in content["image"]]

    def conflict(i, j):
        return learner.head(torch.cat([intrinsic[i], bias[j].detach()]))

    def aligned(i, j):
        return learner.biased_head(torch.cat([intrinsic[i].detach(), bias[j]]))

    plain = [literal_ce(conflict(i, i), labels[i]) for i in range(count)]
    biased = [literal_ce(aligned(i, i), labels[i]) for i in range(count)]
    w = difficulty.weights(biased, plain, content["index"])
    loss = sum(w[i] * plain[i] + 3.0 * literal_gce(aligned(i, i), labels[i]) for i in range(count)) / count
    if step > 2:
        order = torch.randperm(count, generator=generator(learner.clock.seed, "swap", step)).tolist()
        swap = 0.0
        for i, j in enumerate(order):
            swap = swap + w[i] * literal_ce(conflict(i, j), labels[i])
            swap = swap + 2.0 * literal_gce(aligned(i, j), labels[j])
        loss = loss + 0.5 * swap / count
    return loss


def test_loss_and_gradient_before_and_after_the_swap_begins():
    learner, difficulty = made(DFA, **WEIGHTS), LiteralDifficulty()
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.05)
    for step in range(5):
        content = batch(step)
        expected = literal(learner, content, difficulty, step)
        wanted = gradients(expected, learner)
        optimizer.zero_grad()
        loss = learner.loss(content)
        loss.backward()
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close([p.grad for p in learner.parameters()], wanted)
        optimizer.step()


def test_every_parameter_is_trained():
    """Processes that work together wait for the gradient of each."""
    learner = made(DFA)
    learner.loss(batch(0)).backward()
    assert all(p.grad is not None for p in learner.parameters())


def test_the_intrinsic_head_on_both_features_is_used():
    learner, images = made(DFA), batch(0)["image"]
    both = torch.cat([learner.network.embed(images), learner.biased.embed(images)], 1)
    assert torch.equal(learner(images), learner.head(both))


def test_resumes_from_its_state():
    whole, cut = made(DFA, **WEIGHTS), made(DFA, **WEIGHTS)
    for learner in (whole, cut):
        for step in range(3):
            learner.loss(batch(step))
    again = made(DFA, seed=5, **WEIGHTS)
    again.load_state_dict(cut.state_dict())
    for step in (3, 4):
        assert torch.equal(again.loss(batch(step)), whole.loss(batch(step)))


def test_learners_that_start_apart_draw_apart():
    seeds = [made(DFA, seed=seed).clock.seed for seed in (1, 2, 1)]
    assert seeds[0] == seeds[2] != seeds[1]


@pytest.mark.parametrize("argument", list(WEIGHTS))
def test_negative_numbers_are_refused(argument):
    with pytest.raises(ConfigError, match=f"DFA {argument} must be at least 0"):
        made(DFA, **{argument: -1})
