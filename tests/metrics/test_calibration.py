"""The calibration error against a loop over bins and images."""

import math

import pytest
import torch

from fdd_lightning.metrics import CalibrationError, group_metrics
from fdd_lightning.metrics.calibration import BINS


def draw(n, seed=0, sure=3.0):
    g = torch.Generator().manual_seed(seed)
    probabilities = (sure * torch.randn(n, 4, generator=g)).softmax(1)
    targets = torch.randint(4, (n,), generator=g)
    targets = torch.where(torch.rand(n, generator=g) < 0.5, probabilities.argmax(1), targets)
    return probabilities.argmax(1), targets, torch.randint(3, (n,), generator=g), probabilities


def literal(predictions, targets, probabilities):
    """Bin by bin: the share of the images times the distance of mean confidence and accuracy."""
    total = 0.0
    for k in range(BINS):
        confidences, rights = [], []
        for p, t, row in zip(predictions.tolist(), targets.tolist(), probabilities.tolist(), strict=True):
            top = max(row)
            if k / BINS <= top < (k + 1) / BINS or (k == BINS - 1 and top >= 1):
                confidences.append(top)
                rights.append(p == t)
        if rights:
            gap = abs(sum(confidences) / len(rights) - sum(rights) / len(rights))
            total += len(rights) / len(predictions) * gap
    return total


@pytest.mark.parametrize("sure", [0.1, 3.0, 1000.0])
@pytest.mark.parametrize("batch", [200, 7])
def test_against_a_literal_loop(sure, batch):
    p, t, a, probabilities = draw(200, sure=sure)
    metric = CalibrationError(4, 3)
    for part in torch.arange(200).split(batch):
        metric.update(p[part], t[part], a[part], probabilities[part])
    assert float(metric.compute()) == pytest.approx(literal(p, t, probabilities), abs=1e-9)


def test_rounding_past_one_is_sure_not_a_logit():
    metric = CalibrationError(2, 1)
    zeros = torch.zeros(4, dtype=torch.long)
    metric.update(zeros, zeros, zeros, torch.tensor([[1 + 1e-7, 0.0]] * 4))
    assert float(metric.compute()) == pytest.approx(0, abs=1e-6)


def test_the_order_of_the_images_does_not_matter():
    p, t, a, probabilities = draw(500)
    found = set()
    for seed in range(5):
        order = torch.randperm(500, generator=torch.Generator().manual_seed(seed))
        metric = CalibrationError(4, 3)
        metric.update(p[order], t[order], a[order], probabilities[order])
        found.add(float(metric.compute()))
    assert len(found) == 1


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_none_without_images():
    assert math.isnan(CalibrationError(4, 3).compute())


def test_it_stands_beside_the_counts_and_starts_again():
    metrics = group_metrics(4, 3)
    for seed in (1, 2):
        metrics.reset()
        p, t, a, probabilities = draw(50, seed)
        metrics.update(p, t, a, probabilities=probabilities)
        found = metrics.compute()
        assert float(found["calibration_error"]) == pytest.approx(literal(p, t, probabilities), abs=1e-9)
        assert float(found["accuracy"]) == pytest.approx(float((p == t).double().mean()))
