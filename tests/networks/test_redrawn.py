"""A network that is drawn anew in place has the weights of a new one."""

from functools import partial

import pytest
import torch
from torch import nn

from fdd_lightning.networks import ConvNet, Network, ResNet18
from fdd_lightning.networks.redrawn import Redrawn
from fdd_lightning.utils.rng import seeded

SHAPE = (3, 8, 8)


class Halved(Network):
    """One that changes its weights after they were drawn."""

    def __init__(self, num_classes, image_shape):
        super().__init__(num_classes, image_shape)
        self.stack([nn.Flatten()], 3 * 8 * 8)
        with torch.no_grad():
            next(self.classifier.parameters()).mul_(0.5)

    def embed(self, x):
        return x.flatten(1)


@pytest.mark.parametrize(
    ("architecture", "in_place"),
    [
        (partial(ConvNet, width=4, depth=2), True),
        (partial(ConvNet, width=4, depth=2, norm="none"), True),
        (partial(ConvNet, width=4, depth=2, norm="batch"), False),  # it has statistics as well
        (partial(ResNet18, width=2, norm="batch"), False),
        (Halved, False),
    ],
)
def test_weights_are_those_of_a_new_network(architecture, in_place):
    redrawn = Redrawn(lambda: architecture(2, SHAPE), torch.device("cpu"))
    found = []
    for number in range(3):
        network = redrawn(partial(seeded, 0, "surrogate", number))
        with seeded(0, "surrogate", number):
            new = architecture(2, SHAPE)
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), new.parameters(), strict=True))
        assert not any(parameter.requires_grad for parameter in network.parameters())
        found.append(network)
    assert (found[0] is found[1] is found[2]) == in_place


def test_a_network_that_was_cast_since_is_not_drawn_in_its_precision():
    redrawn = Redrawn(lambda: ConvNet(2, SHAPE, width=4, depth=1), torch.device("cpu"))
    for number in range(3):
        network = redrawn(partial(seeded, 0, "surrogate", number)).double()
        with seeded(0, "surrogate", number):
            new = ConvNet(2, SHAPE, width=4, depth=1).double()
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), new.parameters(), strict=True))


def test_nothing_else_that_is_drawn_depends_on_it():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    Redrawn(lambda: ConvNet(2, SHAPE, width=4, depth=1), torch.device("cpu"))(partial(seeded, 0, "surrogate", 0))
    assert torch.equal(torch.rand(3), expected)
