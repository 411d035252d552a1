"""Distances against loops over single numbers."""

import math

import pytest
import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.distances import Absolute, LayerCosine, LayeredSquared

SHAPES = ((4, 3, 3, 3), (4,), (5, 7))


@pytest.fixture
def layers():
    draw = torch.Generator().manual_seed(0)
    targets = [torch.randn(2, *shape, generator=draw, dtype=torch.float64) for shape in SHAPES]
    return targets, [torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in SHAPES]


def test_layer_cosine_is_a_sum_over_output_rows(layers):
    targets, synthetic = layers
    expected = []
    for t in range(2):
        total = 0.0
        for many, one in zip(targets, synthetic, strict=True):
            if one.ndim == 1:
                continue
            for g, h in zip(many[t], one, strict=True):
                g, h = g.flatten().tolist(), h.flatten().tolist()
                dot = sum(a * b for a, b in zip(g, h, strict=True))
                norms = math.sqrt(sum(a * a for a in g)) * math.sqrt(sum(b * b for b in h))
                total += 1 - dot / (norms + 1e-6)
        expected.append(total)
    assert LayerCosine()(targets, synthetic).tolist() == pytest.approx(expected, abs=1e-10)


def test_a_vanishing_gradient_has_a_distance_and_a_slope():
    zero = torch.zeros(2, 3, requires_grad=True)
    distance = LayerCosine()([torch.ones(1, 2, 3)], [zero])
    assert distance.tolist() == [2.0]
    distance.sum().backward()
    assert zero.grad is not None
    assert zero.grad.isfinite().all()


def test_absolute_is_the_sum_of_differences(layers):
    targets, synthetic = layers
    expected = [
        sum(
            abs(a - b)
            for many, one in zip(targets, synthetic, strict=True)
            for a, b in zip(many[t].flatten().tolist(), one.flatten().tolist(), strict=True)
        )
        for t in range(2)
    ]
    assert Absolute()(targets, synthetic).tolist() == pytest.approx(expected, abs=1e-10)


def test_layered_squared_has_a_factor_per_layer(layers):
    targets, synthetic = layers
    expected = [
        sum(
            factor * (a - b) ** 2
            for factor, many, one in zip((0.1, 1.0, 2.0), targets, synthetic, strict=True)
            for a, b in zip(many[t].flatten().tolist(), one.flatten().tolist(), strict=True)
        )
        for t in range(2)
    ]
    assert LayeredSquared((0.1, 1.0, 2.0))(targets, synthetic).tolist() == pytest.approx(expected, abs=1e-10)
    with pytest.raises(ConfigError, match="4 factors, the signal 3 layers"):
        LayeredSquared()(targets, synthetic)
