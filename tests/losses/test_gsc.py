import math

import pytest
import torch
from torch.nn.functional import normalize

from fdd_lightning.losses import gsc_loss, supcon_loss

TARGETS = torch.tensor([0, 1, 0, 2, 1, 0, 3, 1])  # 2 and 3 have no positives


def embeddings(n=8, d=5, seed=0):
    return normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1)


def literal(z, targets, temperature, factor):
    """The formula, pair by pair; ``factor(p)`` is taken as a constant."""
    total = z.new_zeros(())
    n = len(z)
    for i in range(n):
        bottom = sum(torch.exp(z[i] @ z[k] / temperature) for k in range(n) if k != i)
        terms = []
        for j in range(n):
            if j != i and targets[j] == targets[i]:
                p = torch.exp(z[i] @ z[j] / temperature) / bottom
                terms.append(factor(p.item()) * torch.log(p))
        if terms:
            total = total - sum(terms) / len(terms)
    return total / n


def check(found, expected, z):
    (gradient,) = torch.autograd.grad(found, z)
    (right,) = torch.autograd.grad(expected, z)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), abs=1e-10)
    torch.testing.assert_close(gradient, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
def test_supcon_equals_literal_loop(temperature):
    z = embeddings().requires_grad_()
    check(supcon_loss(z, TARGETS, temperature), literal(z, TARGETS, temperature, lambda p: 1.0), z)


@pytest.mark.parametrize("q", [0.3, 0.7, 1.0])
@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
def test_gsc_equals_literal_loop(temperature, q):
    # Equal gradients also show that the factor is a constant to them.
    z = embeddings().requires_grad_()
    check(gsc_loss(z, TARGETS, temperature, q), literal(z, TARGETS, temperature, lambda p: q * p**q), z)


def test_the_factor_carries_no_gradient():
    z = embeddings().requires_grad_()
    (found,) = torch.autograd.grad(gsc_loss(z, TARGETS), z)

    def with_gradient(p):
        return 0.7 * p**0.7

    total = z.new_zeros(())
    for i in range(8):
        bottom = sum(torch.exp(z[i] @ z[k] / 0.2) for k in range(8) if k != i)
        p = [torch.exp(z[i] @ z[j] / 0.2) / bottom for j in range(8) if j != i and TARGETS[j] == TARGETS[i]]
        if p:
            total = total - sum(with_gradient(v) * torch.log(v) for v in p) / len(p) / 8
    assert float(gsc_loss(z, TARGETS).detach()) == pytest.approx(float(total.detach()), abs=1e-10)
    (other,) = torch.autograd.grad(total, z)
    assert (found - other).abs().max() > 1e-3


@pytest.mark.parametrize("loss", [supcon_loss, gsc_loss])
def test_shares_of_the_anchors_equal_the_whole(loss):
    z = embeddings().requires_grad_()
    whole = loss(z, TARGETS, 0.2)
    parts = [
        loss(z[i : i + 4], TARGETS[i : i + 4], 0.2, contrast=z, contrast_targets=TARGETS, offset=i) for i in (0, 4)
    ]
    check(sum(parts) / 2, whole, z)
    assert float(parts[0].detach()) != pytest.approx(float(parts[1].detach()))


@pytest.mark.parametrize("loss", [supcon_loss, gsc_loss])
def test_anchors_without_positives_count(loss):
    z, targets = embeddings(4), torch.tensor([0, 0, 1, 2])
    assert float(loss(z, targets, 0.2)) > 0
    first = loss(z[:2], targets[:2], 0.2, contrast=z, contrast_targets=targets)
    assert float(loss(z, targets, 0.2)) == pytest.approx(float(first) / 2)
    for n in (1, 4):  # no positives at all, and an anchor all alone
        alone = embeddings(n).requires_grad_()
        found = loss(alone, torch.arange(n), 0.2)
        found.backward()
        assert float(found.detach()) == 0.0
        assert alone.grad is not None
        assert torch.equal(alone.grad, torch.zeros_like(alone))


@pytest.mark.parametrize("loss", [supcon_loss, gsc_loss])
def test_stable_in_single_precision(loss):
    # exp(1 / 0.005) overflows, and exp(-2 / 0.005) is 0.
    z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]).requires_grad_()
    found = loss(z, torch.tensor([0, 1, 0, 1]), 0.005)
    found.backward()
    assert found.isfinite()
    assert z.grad is not None
    assert z.grad.isfinite().all()
    assert float(supcon_loss(z.detach(), torch.tensor([0, 0, 1, 1]), 0.005)) == pytest.approx(0.0, abs=1e-6)


def test_equal_embeddings():
    z = torch.ones(4, 1)
    assert float(supcon_loss(z, torch.zeros(4), 0.2)) == pytest.approx(math.log(3))
    assert float(gsc_loss(z, torch.zeros(4), 0.2, 0.5)) == pytest.approx(0.5 * 3**-0.5 * math.log(3))


def test_wrong_contrast_sets():
    z = embeddings()
    with pytest.raises(ValueError, match="go together"):
        gsc_loss(z, TARGETS, contrast=z)
    with pytest.raises(ValueError, match="do not lie"):
        gsc_loss(z, TARGETS, contrast=z, contrast_targets=TARGETS, offset=1)
