"""Gradient and map signals against networks run image by image."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.signals import ClassBatch, Gradients, Maps
from fdd_lightning.networks import MLP, ConvNet

SHAPE = (3, 8, 8)
ROWS = {
    "groups": torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0.25, 0.75]]),
    "overlapping": torch.tensor([[0.2, 0.2, 0.2, 0.2, 0.2], [0.1, 0, 0.4, 0.5, 0]]),
    "an empty share": torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 0, 0, 0, 0]]),
}


def network(**arguments):
    torch.manual_seed(0)
    return ConvNet(4, SHAPE, **{"width": 3, "depth": 2, **arguments}).double().requires_grad_(False)


@pytest.fixture
def images():
    return torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def weighted_gradient(net, row, images, label):
    """The gradient of sum_i w_i CE_i of the whole batch, for every parameter."""
    net.requires_grad_(True)
    losses = cross_entropy(net(images), torch.full((len(images),), label), reduction="none")
    found = torch.autograd.grad(sum(w * loss for w, loss in zip(row, losses, strict=True)), list(net.parameters()))
    net.requires_grad_(False)
    return found


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize(("layers", "least"), [("weights", 2), ("convolutions", 4)])
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_each_row_is_the_gradient_of_its_weighted_loss(rows, layers, least, norm, images):
    net, label = network(norm=norm), 2
    (found,) = Gradients(layers).targets(net, [ClassBatch(images, label)], [rows.double()])
    for t, row in enumerate(rows.double()):
        expected = [g for g in weighted_gradient(net, row, images, label) if g.ndim >= least]
        assert len(found) == len(expected) == (3 if least == 2 else 2)
        for layer, g in zip(found, expected, strict=True):
            torch.testing.assert_close(layer[t], g, rtol=1e-10, atol=1e-12)
    assert not any(layer.requires_grad for layer in found)


def test_the_synthetic_gradient_is_that_of_the_mean_and_has_a_graph(images):
    net = network()
    images.requires_grad_()
    (found,) = Gradients().synthetic(net, [ClassBatch(images, 1)])
    expected = weighted_gradient(net, [0.2] * 5, images, 1)
    for layer, g in zip(found, [g for g in expected if g.ndim >= 2], strict=True):
        torch.testing.assert_close(layer, g, rtol=1e-10, atol=1e-12)
    torch.stack([layer.square().sum() for layer in found]).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None for p in net.parameters())


def test_groups_run_only_their_own_images(images, monkeypatch):
    seen, forward = [], ConvNet.forward

    def noted(self, x):
        seen.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(ConvNet, "forward", noted)
    Gradients().targets(network(), [ClassBatch(images, 0)], [ROWS["groups"].double()])
    assert sorted(seen) == [1, 2, 2]


def test_maps_are_the_blocks_activations_and_the_last_feature(images):
    net, rows = network(), ROWS["overlapping"].double()
    caught = []
    hooks = [layer.register_forward_hook(lambda m, i, o: caught.append(o.clone())) for layer in net.features]
    feature = net.embed(images)
    for hook in hooks:
        hook.remove()
    blocks = [o for layer, o in zip(net.features, caught, strict=True) if isinstance(layer, torch.nn.ReLU)]
    (found,) = Maps().targets(net, [ClassBatch(images, 0)], [rows])
    assert len(found) == 3
    for layer, whole in zip(found, [*blocks, feature], strict=True):
        for t, row in enumerate(rows):
            expected = sum(w * x for w, x in zip(row, whole, strict=True))
            torch.testing.assert_close(layer[t], expected, rtol=1e-10, atol=1e-12)
    (own,) = Maps().synthetic(net, [ClassBatch(images, 0)])
    for layer, whole in zip(own, [*blocks, feature], strict=True):
        torch.testing.assert_close(layer, whole.mean(0), rtol=1e-10, atol=1e-12)


def test_maps_need_blocks(images):
    with pytest.raises(ConfigError, match="not of MLP: use ConvNet"):
        Maps().synthetic(partial(MLP)(4, SHAPE).double(), [ClassBatch(images, 0)])
