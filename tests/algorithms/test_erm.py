"""Learners: plain modules that an evaluation trains."""

from functools import partial

import torch

from fdd_lightning.algorithms import ERM
from fdd_lightning.networks import ConvNet


def test_erm_is_the_mean_cross_entropy():
    torch.manual_seed(0)
    learner = ERM(partial(ConvNet, width=4), 3, (3, 16, 16), 5)
    batch = {"image": torch.randn(5, 3, 16, 16), "target": torch.tensor([0, 2, 1, 1, 0]), "index": torch.arange(5)}
    logits = learner(batch["image"])
    assert logits.shape == (5, 3)
    literal = -sum(torch.log_softmax(row, 0)[t] for row, t in zip(logits, batch["target"], strict=True)) / 5
    torch.testing.assert_close(learner.loss(batch), literal)


def test_erm_learns_and_has_a_name():
    torch.manual_seed(0)
    learner = ERM(partial(ConvNet, width=8), 2, (3, 16, 16), 4)
    images = torch.randn(4, 3, 16, 16)
    batch = {"image": images, "target": torch.tensor([0, 1, 0, 1]), "index": torch.arange(4)}
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        learner.loss(batch).backward()
        optimizer.step()
    assert learner(images).argmax(1).tolist() == [0, 1, 0, 1]
    assert learner.name == "erm"
    assert not list(learner.buffers())
