"""The one equation against a literal loop, and the identity between FairDD and the barycenter."""

import pytest
import torch

from fdd_lightning.matching.distances import Squared
from fdd_lightning.matching.objective import matching_losses
from fdd_lightning.matching.signals import ClassBatch, Features
from fdd_lightning.matching.weightings import KDE, Barycenter, Evidence, FairDD, Vanilla
from fdd_lightning.networks import ConvNet

SHAPE = (3, 16, 16)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ConvNet(3, SHAPE, width=4).double().requires_grad_(False)


@pytest.fixture
def problem():
    draw = torch.Generator().manual_seed(1)
    real = [torch.randn(n, *SHAPE, generator=draw, dtype=torch.float64) for n in (9, 7, 5)]
    synthetic = torch.randn(6, *SHAPE, generator=draw, dtype=torch.float64, requires_grad=True)
    groups = [torch.tensor(g) for g in ([0, 0, 0, 0, 0, 1, 1, 2, 2], [2, 2, 2, 1, 1, 1, 1], [0, 1, 2, 0, 0])]
    z = [torch.nn.functional.normalize(torch.randn(len(r), 4, generator=draw), dim=1) for r in real]
    return real, synthetic, groups, z


def weights_of(weighting, problem):
    real, _, groups, z = problem
    return [weighting(Evidence(len(r), groups=g, embeddings=e)) for r, g, e in zip(real, groups, z, strict=True)]


def losses(weighting, network, problem):
    real, synthetic, *_ = problem
    return matching_losses(
        network,
        [ClassBatch(r, c) for c, r in enumerate(real)],
        weights_of(weighting, problem),
        [ClassBatch(s, c) for c, s in enumerate(synthetic.chunk(3))],
        Features(chunk=4),
        Squared(),
    )


def literal(matrix, network, real, synthetic):
    total = 0.0
    mean = torch.stack([network.embed(s[None])[0] for s in synthetic]).mean(0)
    for a, row in zip(matrix.coefficients, matrix.rows, strict=True):
        target = torch.zeros_like(mean)
        for w, x in zip(row, real, strict=True):
            target = target + w.double() * network.embed(x[None])[0].detach()
        total = total + a * sum((target[k] - mean[k]) ** 2 for k in range(len(mean)))
    return total


@pytest.mark.parametrize("weighting", [Vanilla(), FairDD(), FairDD("mean"), Barycenter(), KDE(), KDE("median_cap")])
def test_every_weighting_equals_the_literal_sum(weighting, network, problem):
    found = losses(weighting, network, problem)
    real, synthetic, *_ = problem
    for c, (matrix, r, s) in enumerate(zip(weights_of(weighting, problem), real, synthetic.chunk(3), strict=True)):
        torch.testing.assert_close(found[c], literal(matrix, network, r, s), rtol=1e-10, atol=1e-12)


def gradient(weighting, network, problem):
    return torch.autograd.grad(losses(weighting, network, problem).sum(), problem[1])[0]


def test_fairdds_gradient_is_groups_times_the_barycenters(network, problem):
    """For the squared distance; classes differ in the number of groups present."""
    fair, center = gradient(FairDD(), network, problem), gradient(Barycenter(), network, problem)
    for f, b, groups in zip(fair.chunk(3), center.chunk(3), problem[2], strict=True):
        torch.testing.assert_close(f, len(groups.unique()) * b, rtol=1e-10, atol=1e-12)


def test_no_gradient_reaches_the_real_images(network, problem):
    real = [r.clone().requires_grad_() for r in problem[0]]
    total = losses(FairDD(), network, (real, *problem[1:])).sum()
    assert all(g is None for g in torch.autograd.grad(total, real, allow_unused=True))


def test_shares_of_a_batch_sum_to_the_whole(network, problem):
    """What several processes do: each its columns of W, sums before the distance."""
    real, *_ = problem
    matrices = weights_of(FairDD(), problem)
    signal = Features()
    whole = signal.targets(network, [ClassBatch(r, c) for c, r in enumerate(real)], [m.rows for m in matrices])
    shares = [
        signal.targets(
            network,
            [ClassBatch(r[rank::2], c) for c, r in enumerate(real)],
            [m.rows[:, rank::2] for m in matrices],
        )
        for rank in range(2)
    ]
    for c in range(3):
        torch.testing.assert_close(whole[c][0], shares[0][c][0] + shares[1][c][0], rtol=1e-9, atol=1e-12)
