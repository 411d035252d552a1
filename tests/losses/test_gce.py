"""Generalised cross-entropy against its formula, image by image."""

import math

import pytest
import torch

from fdd_lightning.losses import gce_loss


@pytest.mark.parametrize("q", [0.3, 0.7, 1.0])
def test_cross_entropy_times_a_constant(q):
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 4, generator=draws, dtype=torch.float64)
    targets = torch.tensor([0, 3, 1, 1, 2])
    found = gce_loss(logits, targets, q)
    for row, target, loss in zip(logits.tolist(), targets.tolist(), found, strict=True):
        p = math.exp(row[target]) / sum(math.exp(v) for v in row)
        assert float(loss) == pytest.approx(-math.log(p) * q * p**q, rel=1e-12)


@pytest.mark.parametrize("q", [0.3, 0.7])
def test_the_gradient_is_q_times_that_of_the_generalised_cross_entropy(q):
    draws = torch.Generator().manual_seed(1)
    logits = torch.randn(5, 4, generator=draws, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 3, 1, 1, 2])
    (found,) = torch.autograd.grad(gce_loss(logits, targets, q).sum(), logits)
    p = logits.softmax(1)[torch.arange(5), targets]
    (expected,) = torch.autograd.grad(((1 - p**q) / q).sum(), logits)
    torch.testing.assert_close(found, q * expected)


def test_an_image_that_is_certain_or_hopeless_is_finite():
    logits = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]], requires_grad=True)
    losses = gce_loss(logits, torch.tensor([0, 0]))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert losses.isfinite().all()
    assert gradient.isfinite().all()
