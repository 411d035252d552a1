from functools import partial
from typing import Any

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from torch import nn

from fdd_lightning import networks
from fdd_lightning.configuration.choices import build, spec_of
from fdd_lightning.errors import ConfigError
from fdd_lightning.networks import MLP, VGG11, AlexNet, ConvNet, LeNet, Network, NetworkFactory, ResNet18, ViT
from fdd_lightning.utils.paths import CONFIGS

SMALL: list[Any] = [
    partial(ConvNet, width=8),
    partial(ConvNet, width=8, norm="batch", pooling="max"),
    partial(ConvNet, width=8, norm="layer", activation="leaky_relu"),
    partial(ConvNet, width=8, norm="group", activation="sigmoid"),
    partial(ConvNet, width=4, depth=2, norm="none", pooling="none"),
    MLP,
    LeNet,
    AlexNet,
    VGG11,
    partial(ResNet18, width=8),
    partial(ResNet18, width=8, norm="instance", init="kaiming"),
    partial(ViT, width=16, depth=2, heads=2),
    partial(ViT, width=16, depth=1, heads=4, patch=5),
]
CONFIG_FILES = sorted((CONFIGS / "network").glob("*.yaml"))


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def wrong(cls: Any, **arguments: Any) -> Any:
    return partial(cls, **arguments)


def name(factory):
    keywords = factory.keywords.values() if isinstance(factory, partial) else ()
    return "-".join(map(str, (getattr(factory, "func", factory).__name__, *keywords)))


@pytest.mark.parametrize(
    "shape", [(3, 16, 16), (1, 28, 28), (3, 28, 28), (3, 32, 32), (3, 64, 64), (3, 16, 24)], ids=str
)
@pytest.mark.parametrize("factory", SMALL, ids=name)
def test_sizes(factory, shape):
    network: Network = factory(4, shape)
    x = torch.randn(3, *shape)
    feature = network.embed(x)
    assert feature.shape == (3, network.feature_dim)
    torch.testing.assert_close(network(x), network.classifier(feature))
    assert network(x).shape == (3, 4)
    # A normalisation of single pixels would make every image look the same.
    assert (feature[0] - feature[1]).abs().max() > 1e-4
    network(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("network", "count", "feature_dim"),
    [
        (ConvNet(10, (3, 32, 32)), 320_010, 2048),
        (ConvNet(2, (3, 64, 64)), 315_906, 8192),
        (ConvNet(10, (1, 28, 28)), 317_706, 2048),
        (ConvNet(10, (3, 28, 28)), 311_050, 1152),
        (MLP(10, (3, 32, 32)), 411_146, 128),
        (LeNet(10, (3, 32, 32)), 62_006, 84),
        (LeNet(10, (1, 28, 28)), 61_706, 84),
        (AlexNet(10, (3, 32, 32)), 1_872_202, 3072),
        (VGG11(10, (3, 32, 32)), 9_231_114, 512),
        (VGG11(10, (3, 16, 16)), 9_231_114, 512),
        (ResNet18(10, (3, 32, 32)), 11_173_962, 512),
        (ResNet18(10, (3, 64, 64), norm="instance"), 11_173_962, 512),
        (ViT(1000, (3, 224, 224)), 22_050_664, 384),  # timm's vit_small_patch16_224
    ],
    ids=lambda v: type(v).__name__,
)
def test_reference_counts(network, count, feature_dim):
    assert parameters(network) == count
    assert network.feature_dim == feature_dim


def test_convnet_against_a_literal_loop():
    torch.manual_seed(0)
    network = ConvNet(3, (2, 5, 4), depth=1, width=2).double()
    convolution, norm = network.features[0], network.features[1]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.GroupNorm)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    images = torch.randn(2, 2, 5, 4, dtype=torch.float64)
    for image, feature in zip(images, network.embed(images), strict=True):
        found = []
        for o in range(2):
            assert convolution.bias is not None
            plane = torch.zeros(5, 4, dtype=torch.float64)
            for r in range(5):
                for c in range(4):
                    plane[r, c] = convolution.bias[o]
                    for i in range(2):
                        for dr in (-1, 0, 1):
                            for dc in (-1, 0, 1):
                                if 0 <= r + dr < 5 and 0 <= c + dc < 4:
                                    plane[r, c] += convolution.weight[o, i, dr + 1, dc + 1] * image[i, r + dr, c + dc]
            mean = plane.mean()
            plane = (plane - mean) / ((plane - mean) ** 2).mean().add(1e-5).sqrt() * norm.weight[o] + norm.bias[o]
            plane = plane.clamp(min=0)
            found += [plane[r : r + 2, c : c + 2].mean() for r in (0, 2) for c in (0, 2)]
        torch.testing.assert_close(feature, torch.stack(found), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("factory", SMALL, ids=name)
def test_gradients_of_gradients_exist(factory):
    # Gradient matching differentiates through them; layers that work in place must not stand in the way.
    network = factory(4, (3, 16, 16))
    images = torch.randn(3, 3, 16, 16, requires_grad=True)
    loss = network(images).logsumexp(1).sum()
    first = torch.autograd.grad(loss, list(network.parameters()), create_graph=True)
    (second,) = torch.autograd.grad(torch.stack([g.square().sum() for g in first]).sum(), images)
    assert second.isfinite().all()
    assert second.abs().max() > 0


def test_images_are_not_changed():
    x = torch.randn(2, 3, 16, 16)
    before = x.clone()
    for factory in SMALL:
        factory(4, (3, 16, 16))(x)
    assert torch.equal(x, before)


def test_resnet_init():
    torch.manual_seed(0)
    weight = next(ResNet18(4, (3, 16, 16), init="kaiming").parameters()).detach()
    assert float(weight.std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.1)


@pytest.mark.parametrize(
    ("factory", "shape", "text"),
    [
        (ConvNet, (3, 4, 4), "at least 8x8"),
        (partial(ConvNet, depth=5), (3, 16, 16), "at least 32x32"),
        (partial(ConvNet, depth=0), (3, 16, 16), "at least 1"),
        (wrong(ConvNet, norm="instancenorm"), (3, 16, 16), "none, instance, batch, layer, group"),
        (partial(ConvNet, norm="group", width=6), (3, 16, 16), "multiple of 4"),
        (wrong(ConvNet, activation="tanh"), (3, 16, 16), "relu, leaky_relu, sigmoid"),
        (wrong(ConvNet, pooling="mean"), (3, 16, 16), "avg, max, none"),
        (partial(MLP, widths=[]), (3, 16, 16), "one or more"),
        (LeNet, (3, 15, 16), "at least 16x16"),
        (AlexNet, (3, 7, 7), "at least 8x8"),
        (VGG11, (3, 1, 1), "at least 2x2"),
        (partial(ResNet18, norm="instance"), (3, 8, 8), "at least 9x9"),
        (wrong(ResNet18, norm="layer"), (3, 16, 16), "batch, instance"),
        (wrong(ResNet18, init="zero"), (3, 16, 16), "torch, kaiming"),
        (partial(ResNet18, width=0), (3, 16, 16), "at least 1"),
        (MLP, (3, 0, 16), "at least one class"),
        (partial(ViT, width=10, heads=4), (3, 16, 16), "4 heads cannot share"),
        (partial(ViT, patch=0), (3, 16, 16), "patch must be at least 1"),
    ],
    ids=str,
)
def test_errors_are_one_line(factory, shape, text):
    with pytest.raises(ConfigError, match=text) as caught:
        factory(4, shape)
    assert "\n" not in str(caught.value)


def test_every_network_has_a_config():
    paths = {yaml.safe_load(path.read_text())["class_path"] for path in CONFIG_FILES}
    assert paths == {
        f"fdd_lightning.networks.{n}" for n in networks.__all__ if not n.startswith("Network") and n != "Encoder"
    }


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda p: p.stem)
def test_configs_build_and_parse(path):
    spec = yaml.safe_load(path.read_text())
    network = build(spec)(4, (3, 16, 16))
    assert type(network).__name__.lower() == path.stem
    # The command line reads the same file, and what it builds has the same spec.
    parser = ArgumentParser()
    parser.add_argument("--network", type=NetworkFactory)
    factory = parser.instantiate(parser.parse_object({"network": spec})).network
    assert parameters(factory(4, (3, 16, 16))) == parameters(network)
    assert build(spec_of(factory))(4, (3, 16, 16)).feature_dim == network.feature_dim
