"""Terms outside the equation, image by image."""

import math

import pytest
import torch

from fdd_lightning.matching.signals import ClassBatch
from fdd_lightning.matching.terms import ClassAware, Discrimination, Matched
from fdd_lightning.matching.weightings import Barycenter, Evidence, FairDD, Vanilla
from fdd_lightning.networks import ConvNet

SHAPE = (3, 8, 8)


@pytest.fixture
def problem():
    torch.manual_seed(0)
    network = ConvNet(3, SHAPE, width=3, depth=2).double().requires_grad_(False)
    draw = torch.Generator().manual_seed(1)
    real = [torch.randn(n, *SHAPE, generator=draw, dtype=torch.float64) for n in (5, 4, 6)]
    synthetic = [torch.randn(2, *SHAPE, generator=draw, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    return network, real, synthetic


def matched(problem, weighting, **arguments):
    network, real, synthetic = problem
    groups = [torch.tensor([0] * (len(r) - 1) + [1]) for r in real]
    weights = [weighting(Evidence(len(r), groups=g)) for r, g in zip(real, groups, strict=True)]
    batches = [[ClassBatch(x, c) for c, x in enumerate(images)] for images in (real, synthetic)]
    return Matched(network, 50.0, batches[0], weights, [len(r) for r in real], batches[1], **arguments)


def log_softmax(logits, label):
    high = max(logits)
    return logits[label] - high - math.log(sum(math.exp(v - high) for v in logits))


def test_class_aware_is_the_mean_cross_entropy_of_each_class_times_the_accuracy(problem):
    network, _, synthetic = problem
    total = 0.0
    for label, images in enumerate(synthetic):
        total += sum(-log_softmax(network(x[None])[0].tolist(), label) for x in images) / len(images)
    assert ClassAware(0.5)(matched(problem, Vanilla())).item() == pytest.approx(0.5 * 50 * total, rel=1e-10)


@pytest.mark.parametrize("weighting", [Vanilla(), FairDD(), Barycenter()])
def test_discrimination_classifies_real_features_by_synthetic_means(problem, weighting):
    network, real, synthetic = problem
    case = matched(problem, weighting)
    means = [sum(network.embed(x[None])[0] for x in images) / len(images) for images in synthetic]
    total = 0.0
    for label, (images, weights) in enumerate(zip(real, case.weights, strict=True)):
        for i, x in enumerate(images):
            feature = network.embed(x[None])[0]
            loss = -log_softmax([float(feature @ m) for m in means], label)
            share = sum(float(row[i]) for row in weights.rows) / len(weights.rows)
            total += len(images) * share * loss  # uniform weights: every image counts once
    assert Discrimination(0.01)(case).item() == pytest.approx(0.01 * total, rel=1e-10)


def test_processes_share_out_the_discrimination(problem):
    whole = matched(problem, FairDD())
    parts = []
    for rank in range(2):
        share = slice(rank, None, 2)
        real = [ClassBatch(b.images[share], b.label) for b in whole.real]
        weights = [type(w)(w.rows[:, share], w.coefficients) for w in whole.weights]
        part = Matched(whole.network, 50.0, real, weights, whole.sizes, whole.synthetic, world=2)
        parts.append(Discrimination()(part).item())
    assert sum(parts) / 2 == pytest.approx(Discrimination()(whole).item(), rel=1e-10)
