"""The fast pooling against torch's own."""

import pytest
import torch
from torch import nn

from fdd_lightning.networks.pooling import AvgPool2x2


@pytest.mark.parametrize("size", [(2, 2), (8, 8), (6, 16), (32, 32), (64, 64), (7, 8), (8, 7), (4, 80)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_torchs(size, dtype):
    torch.manual_seed(0)
    maps = torch.randn(3, 5, *size, dtype=dtype)
    found = []
    for pool in (AvgPool2x2(), nn.AvgPool2d(2)):
        own = maps.clone().requires_grad_()
        pooled = pool(own)
        (gradient,) = torch.autograd.grad((pooled**2).sum(), own, create_graph=True)
        (second,) = torch.autograd.grad(gradient.sin().sum(), own)
        found.append((pooled, gradient, second))
    for own, expected in zip(*found, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-6, atol=1e-6)


def test_what_it_is_not_made_for_is_left_to_torch():
    torch.manual_seed(0)
    maps = torch.randn(3, 8, 8, 8)
    other = maps.to(memory_format=torch.channels_last)
    assert torch.equal(AvgPool2x2()(other), nn.AvgPool2d(2)(other))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(AvgPool2x2()(maps), nn.AvgPool2d(2)(maps))
    assert AvgPool2x2()(maps[:0]).shape == (0, 8, 4, 4)
    assert torch.equal(torch.func.vmap(AvgPool2x2())(maps.unflatten(1, (2, 4))).flatten(1, 2), nn.AvgPool2d(2)(maps))
