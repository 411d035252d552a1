"""Where features come from."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from fdd_lightning.artefacts.encoder import embed_all
from fdd_lightning.configuration.choices import build, spec_of
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError, NotFiniteError
from fdd_lightning.matching.evidence import Gallery
from fdd_lightning.matching.extractors import BiasEncoder, EncoderBackbone, RandomNetwork, TrainedNetwork
from fdd_lightning.networks import ConvNet, Encoder
from fdd_lightning.utils.rng import generator, seeded

NETWORK = partial(ConvNet, width=4, depth=2)


@pytest.fixture
def gallery():
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (20, 3, 8, 8), generator=draw, dtype=torch.uint8)
    targets = torch.arange(20) % 3
    data = ImageSet(images, targets, torch.zeros(20, dtype=torch.long), (0.5,) * 3, (0.5,) * 3)
    return Gallery(data, 3, 7, torch.device("cpu"))


def drawn():
    with seeded(7, "features"):
        return NETWORK(3, (3, 8, 8))


def test_features_of_a_random_network(gallery):
    index = torch.tensor([4, 0, 19])
    found = RandomNetwork(NETWORK).prepare(gallery)(index)
    with torch.no_grad():
        expected = [drawn().embed(gallery.real.batch(i[None])["image"])[0] for i in index]
    torch.testing.assert_close(found, torch.stack(expected))
    assert not found.requires_grad


def test_training_is_plain_sgd(gallery):
    """Step by step, with torch's own optimiser."""
    network = drawn()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    for epoch in range(2):
        order = torch.randperm(20, generator=generator(7, "features", "order", epoch))
        for start in (0, 8, 16):
            batch = gallery.real.batch(order[start : start + 8])
            optimizer.zero_grad()
            cross_entropy(network(batch["image"]), batch["target"]).backward()
            optimizer.step()
    index = torch.arange(20)
    with torch.no_grad():
        expected = network.embed(gallery.real.batch(index)["image"])
    found = TrainedNetwork(NETWORK, epochs=2, batch_size=8, lr=0.1).prepare(gallery)(index)
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, RandomNetwork(NETWORK).prepare(gallery)(index))


def test_the_bias_encoder_is_looked_up(gallery):
    with pytest.raises(ConfigError, match=r"fdd fit.*--encoder"):
        BiasEncoder().prepare(gallery)
    known = torch.randn(20, 5)
    with_it = Gallery(gallery.real, 3, 7, torch.device("cpu"), known)
    assert torch.equal(BiasEncoder().prepare(with_it)(torch.tensor([3, 3, 0])), known[[3, 3, 0]])


@pytest.mark.parametrize(("key", "value"), [("epochs", 0), ("batch_size", 0), ("lr", -1.0), ("momentum", -1.0)])
def test_senseless_settings_are_refused(key, value):
    with pytest.raises(ConfigError, match=f"TrainedNetwork {key}"):
        TrainedNetwork(**{key: value})


def test_steps_that_are_too_large_are_named(gallery):
    with pytest.raises(NotFiniteError, match=r"after its training: layer .* is not finite .*: lower its lr"):
        TrainedNetwork(NETWORK, epochs=30, lr=1e20).prepare(gallery)


def test_extractors_are_remembered_by_their_arguments():
    again = build(spec_of(TrainedNetwork(NETWORK, epochs=3)))
    assert again.epochs == 3
    assert again.architecture(3, (3, 8, 8)).feature_dim == 16


def test_the_backbone_of_an_encoder_is_its_feature_before_the_head(gallery):
    """The principal components of its standardised columns: their products are those of the columns themselves."""
    with seeded(1):
        encoder = Encoder(NETWORK, 3, (3, 8, 8), hidden=4, dimension=2).eval()
    seen = embed_all(encoder.backbone, gallery.real)
    shown = replace(gallery, embeddings=embed_all(encoder, gallery.real), backbone=lambda: seen)
    found = EncoderBackbone(components=20).prepare(shown)(torch.arange(20))
    with torch.no_grad():
        expected = encoder.backbone.embed(gallery.real.batch(torch.arange(20))["image"]).double()
    expected = expected - expected.mean(0)
    spread = expected.std(0, unbiased=False)
    expected = torch.where(spread > 1e-6, expected / spread, 0.0)
    torch.testing.assert_close(found.double() @ found.double().T, expected @ expected.T, atol=1e-3, rtol=1e-3)
    with pytest.raises(ConfigError, match="EncoderBackbone needs a bias encoder"):
        EncoderBackbone().prepare(gallery)
