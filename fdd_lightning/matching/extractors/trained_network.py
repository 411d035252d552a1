"""Features of a network trained on the real images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.extractors.base import Extractor, Gallery, features_of
from fdd_lightning.matching.surrogates.pupil import Pupil
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.utils.progress import track
from fdd_lightning.utils.rng import generator, seeded


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
        for key, value in {"epochs": epochs, "batch_size": batch_size}.items():
            if value < 1:
                raise ConfigError(f"TrainedNetwork {key} must be at least 1, not {value}")
        for name, rate in {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}.items():
            if not rate >= 0:
                raise ConfigError(f"TrainedNetwork {name} must not be negative, but is {rate}")
        self.architecture = network
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay

    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Train the network.

        Raises:
            ConfigError: The step size was too large.
        """
        real = gallery.real
        with seeded(gallery.seed, "features"):
            network = self.architecture(gallery.num_classes, real.image_shape)
        pupil = Pupil(network.to(gallery.device), self.lr, self.momentum, self.weight_decay)
        orders = (torch.randperm(len(real), generator=self._draws(gallery, epoch)) for epoch in range(self.epochs))
        chunks = (index for order in orders for index in order.split(self.batch_size))
        for index in track(chunks, len(real) * self.epochs, "network for features"):
            batch = real.batch(index)
            pupil.step(batch["image"].to(gallery.device), batch["target"].to(gallery.device))
        if not all(bool(parameter.isfinite().all()) for parameter in network.parameters()):
            raise ConfigError(f"the network for features is not finite after its training: lower its lr ({self.lr:g})")
        return features_of(network, gallery)

    @staticmethod
    def _draws(gallery: Gallery, epoch: int) -> torch.Generator:
        return generator(gallery.seed, "features", "order", epoch)
