"""Stacked networks against the same ones alone: one step, in double precision."""

from functools import partial

import pytest
import torch

from fdd_lightning.algorithms import ERM, GroupDRO, Stack
from fdd_lightning.algorithms.stack import fitting, kept_bytes, pays
from fdd_lightning.networks import MLP, VGG11, AlexNet, ConvNet, LeNet, ResNet18, ViT

SHAPE = (3, 16, 16)
NETWORKS = {
    "instance": partial(ConvNet, width=8, depth=2),
    "group": partial(ConvNet, width=8, depth=2, norm="group", activation="leaky_relu", pooling="max"),
    "layer": partial(ConvNet, width=8, depth=2, norm="layer"),
    "no norm": partial(ConvNet, width=8, depth=1, norm="none", activation="sigmoid", pooling="none"),
    "padded": partial(ConvNet, width=4, depth=2),
    "mlp": MLP,
    "lenet": LeNet,
    "alexnet": AlexNet,
    "vgg11": VGG11,
    "resnet18": partial(ResNet18, width=8, norm="instance"),
    "vit": partial(ViT, width=8, depth=1, heads=2),
}


def learners(network, count=3, shape=SHAPE, kind=ERM):
    torch.manual_seed(0)
    return [kind(network, 10, shape, 12).double() for _ in range(count)]


def batch(count=3, size=6, shape=SHAPE, soft=False):
    torch.manual_seed(1)
    found = {
        "image": torch.randn(count, size, *shape, dtype=torch.float64),
        "target": torch.randint(10, (count, size)),
        "index": torch.arange(size).expand(count, -1),
    }
    return {**found, "soft_target": torch.rand(count, size, 10).double().softmax(2)} if soft else found


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_losses_gradients_and_logits_are_those_of_each_alone(name, soft):
    shape = (1, 28, 28) if name == "padded" else (3, 32, 32) if name == "lenet" else SHAPE
    alone, stacked = learners(NETWORKS[name], shape=shape), learners(NETWORKS[name], shape=shape)
    batches, images = batch(shape=shape, soft=soft), batch(shape=shape)["image"][0]
    stack = Stack(stacked)
    losses = stack.losses(batches)
    losses.sum().backward()
    stack.hand_over()
    logits = stack.logits(images)
    for j, (own, other) in enumerate(zip(alone, stacked, strict=True)):
        loss = own.loss({key: value[j] for key, value in batches.items()})
        loss.backward()
        torch.testing.assert_close(losses[j], loss, rtol=1e-9, atol=0)
        torch.testing.assert_close(logits[j], own(images), rtol=1e-9, atol=1e-12)
        for (key, expected), parameter in zip(own.named_parameters(), other.parameters(), strict=True):
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad, expected.grad, rtol=1e-9, atol=1e-12, msg=key)


def test_parameters_are_views_so_whatever_changes_them_changes_the_stack():
    stacked, others = learners(MLP), learners(MLP)
    stack = Stack(stacked)
    with torch.no_grad():
        for other in others:
            other.network.classifier.bias.fill_(7)
    stacked[1].load_state_dict(others[1].state_dict())
    torch.optim.SGD(stacked[2].parameters(), lr=1.0)
    assert stack.parameters["classifier.bias"].unique(dim=1).shape == (3, 10)
    assert (stack.parameters["classifier.bias"][1] == 7).all()
    assert list(stacked[0].state_dict()) == list(others[0].state_dict())


class Mine(ConvNet):
    """A network of the user's own, which says nothing of stacks."""


class Pure(ConvNet):
    """One that computes something else, and says that it can be stacked."""

    pure = True

    def embed(self, x):
        return 2 * super().embed(x)


class Own(ERM):
    """A trainer with a loss of its own."""

    def loss(self, batch):
        return 2 * super().loss(batch)


def test_who_can_be_stacked_says_so_itself():
    assert all(learners(network, 1)[0].can_stack for network in NETWORKS.values())
    assert not learners(partial(ConvNet, norm="batch", width=4, depth=1))[0].can_stack
    assert not learners(partial(ResNet18, width=4))[0].can_stack
    assert not learners(partial(Mine, width=4, depth=1))[0].can_stack
    assert not learners(partial(ConvNet, width=4, depth=1), kind=GroupDRO)[0].can_stack
    assert not learners(partial(ConvNet, width=4, depth=1), kind=Own)[0].can_stack
    own = learners(partial(Pure, width=4, depth=1))
    assert own[0].can_stack
    images = batch()["image"][0]
    torch.testing.assert_close(Stack(own).logits(images)[2], own[2](images), rtol=1e-9, atol=1e-12)


def test_the_choice_follows_from_device_and_sizes():
    networks = learners(partial(ConvNet, width=8, depth=1))
    kept = kept_bytes(networks[0], torch.zeros(2, *SHAPE, dtype=torch.float64))
    per_map = 2 * 8 * 16 * 16 * 8
    assert 2 * per_map <= kept <= 4 * per_map
    assert kept_bytes(networks[0], torch.zeros(4, *SHAPE, dtype=torch.float64)) == pytest.approx(2 * kept, rel=0.05)
    enough = 2 * 3 * 100 * kept
    assert pays(networks, SHAPE, 100, enough)
    assert not pays(networks, SHAPE, 100, enough // 4)
    assert not pays(networks, SHAPE, 100, None)  # a CPU
    assert fitting(networks, SHAPE, enough) == pytest.approx(200, rel=0.05)
    assert not pays(networks[:1], SHAPE, 100, enough)
    assert not pays(learners(partial(ConvNet, width=8, norm="batch")), SHAPE, 1, 2**40)
