"""Extractors: the features in which real images are compared when some of them are selected."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.colour_texture import colour_shares, principal, standardised, texture_shares
from fdd_lightning.matching.evidence import Evidence, Gallery
from fdd_lightning.matching.surrogates.trained import NetworkInTraining
from fdd_lightning.networks import ConvNet, Network, NetworkFactory
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.finite import require_finite
from fdd_lightning.utils.progress import track
from fdd_lightning.utils.rng import generator, seeded


class Extractor(Choice, ABC):
    """Base of every extractor.

    Attributes:
        needs_embeddings: Reads the bias encoder's embeddings.

    Example:
        >>> from fdd_lightning.datasets import ImageSet
        >>> class Brightness(Extractor):
        ...     def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        ...         return lambda index: gallery.real.batch(index)["image"].mean((1, 2, 3))[:, None]
    """

    needs_embeddings: bool = False

    @abstractmethod
    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Get ready, and return what gives the features (n, d) of images by their places, int64 (n,).

        Features are float, on the gallery's device; every random draw comes from the gallery's seed.

        Raises:
            ConfigError: Embeddings are needed and missing, or a training's step size was too large.
        """


def features_of(network: Network, gallery: Gallery) -> Callable[[Tensor], Tensor]:
    """Return what gives a network's last feature, in evaluation mode, without augmentation, 512 images at a time."""
    network = network.to(gallery.device).eval().requires_grad_(False)

    def features(index: Tensor) -> Tensor:
        with torch.no_grad():
            parts = [network.embed(gallery.real.batch(part)["image"].to(gallery.device)) for part in index.split(512)]
        return torch.cat(parts)

    return features


class RandomNetwork(Extractor):
    """The last feature of a network as it is drawn, one for the whole selection: the space in which DM matches.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.

    Example:
        >>> from fdd_lightning.datasets import ImageSet
        >>> pixels, targets = torch.zeros(6, 3, 16, 16, dtype=torch.uint8), torch.tensor([0, 1, 0, 1, 0, 1])
        >>> data = ImageSet(pixels, targets, groups=targets, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> features = RandomNetwork().prepare(Gallery(data, num_classes=2, seed=0, device=torch.device("cpu")))
        >>> features(data.members(1)).shape
        torch.Size([3, 512])
    """

    def __init__(self, network: NetworkFactory = ConvNet) -> None:
        self.architecture = network

    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Draw the network."""
        with seeded(gallery.seed, "features"):
            network = self.architecture(gallery.num_classes, gallery.real.image_shape)
        return features_of(network, gallery)


class BiasEncoder(Extractor):
    """The embeddings of the bias encoder (``--encoder``): images are compared by what is easiest to learn, the bias.

    Example:
        >>> BiasEncoder().needs_embeddings
        True
    """

    needs_embeddings = True

    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Return what looks the embeddings up."""
        embeddings = Evidence(len(gallery.real), embeddings=gallery.embeddings).embeddings_for(self)
        return lambda index: embeddings[index.to(embeddings.device)]


class EncoderBackbone(Extractor):
    """The bias encoder's feature before its head (``--encoder``): nearer to how images look than embeddings are.

    Args:
        components: Principal components of the standardised feature.

    Example:
        >>> EncoderBackbone(components=48).needs_embeddings
        True
    """

    needs_embeddings = True

    def __init__(self, components: int = 48) -> None:
        require({"components": components}, least=1, of="EncoderBackbone")
        self.components = components

    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Compute the components of all images, or take the feature from the cache."""
        Evidence(len(gallery.real), embeddings=gallery.embeddings).embeddings_for(self)
        assert gallery.backbone is not None  # comes with the embeddings
        features = principal(standardised(gallery.backbone()), self.components).to(gallery.device)
        return lambda index: features[index.to(features.device)]


class Statistics(Extractor):
    """Hand-made statistics of colour and texture: they see a colour, a scene or a noise, and hardly what is shown.

    Args:
        colours: Principal components of the colours' shares; 0 leaves colour out, null takes all 64 as they are.
        textures: Principal components of the textures' shares; 0 leaves texture out, null takes all 144.

    Example:
        >>> from fdd_lightning.datasets import ImageSet
        >>> pixels, targets = torch.randint(256, (60, 3, 16, 16), dtype=torch.uint8), torch.arange(60) % 2
        >>> data = ImageSet(pixels, targets, groups=targets, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> features = Statistics(textures=0).prepare(Gallery(data, num_classes=2, seed=0, device=torch.device("cpu")))
        >>> features(data.members(1)).shape
        torch.Size([30, 24])
    """

    def __init__(self, colours: int | None = 24, textures: int | None = 24) -> None:
        require({"colours": colours, "textures": textures}, least=0, of="Statistics")
        if colours == 0 and textures == 0:
            raise ConfigError("Statistics without colours and textures sees nothing: leave one of them above 0")
        self.colours = colours
        self.textures = textures

    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Compute the statistics of all images."""

        def of_all(shares: Callable[[Tensor], Tensor]) -> Tensor:
            chunks = torch.arange(len(gallery.real)).split(1024)
            return standardised(torch.cat([shares(gallery.real.pixels(chunk)).cpu() for chunk in chunks]))

        parts = []
        for wanted, shares in ((self.colours, colour_shares), (self.textures, texture_shares)):
            if wanted != 0:
                values = gallery.computed_once(shares.__name__, partial(of_all, shares))
                parts.append(values if wanted is None else principal(values, wanted))
        features = torch.cat(parts, 1).to(gallery.device)
        return lambda index: features[index.to(features.device)]


class TrainedNetwork(Extractor):
    """The last feature of a network trained for some epochs on the real set as it is, bias included (ERM).

    Coreset papers select in the features of a trained network. It is trained anew for every selection, without
    checkpoints: keep it short.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
        epochs: Passes over the real set.
        batch_size: Images per step; the last batch of a pass may be smaller.
        lr: Learning rate (SGD).
        momentum: Momentum.
        weight_decay: Weight decay.

    Example:
        >>> TrainedNetwork(epochs=2).epochs
        2
    """

    def __init__(
        self,
        network: NetworkFactory = ConvNet,
        epochs: int = 10,
        batch_size: int = 256,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
    ) -> None:
        require({"epochs": epochs, "batch_size": batch_size}, least=1, of="TrainedNetwork")
        require({"lr": lr, "momentum": momentum, "weight_decay": weight_decay}, least=0, of="TrainedNetwork")
        self.architecture = network
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay

    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Train the network."""
        real = gallery.real
        with seeded(gallery.seed, "features"):
            network = self.architecture(gallery.num_classes, real.image_shape)
        trained = NetworkInTraining(network.to(gallery.device), self.lr, self.momentum, self.weight_decay)
        draws = (generator(gallery.seed, "features", "order", epoch) for epoch in range(self.epochs))
        chunks = (index for d in draws for index in torch.randperm(len(real), generator=d).split(self.batch_size))
        for index in track(chunks, len(real) * self.epochs, "network for features"):
            batch = real.batch(index)
            trained.step(batch["image"].to(gallery.device), batch["target"].to(gallery.device))
        layers = {f"layer {name!r}": value for name, value in network.state_dict().items()}
        require_finite(layers, "the network for features, after its training", f"lower its lr ({self.lr:g})")
        return features_of(network, gallery)
