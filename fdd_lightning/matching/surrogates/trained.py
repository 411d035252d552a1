"""What surrogates train: a network with its optimiser, and the base of those that train one network at a time."""

from __future__ import annotations

from abc import ABC
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.augment import Augmentation
from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.networks import Network, NetworkFactory
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import seeded


class NetworkInTraining:
    """A network and its optimiser, which are trained, kept and restored together.

    Args:
        network: The network; it is frozen except inside :meth:`step`.
        lr: Learning rate of its SGD.
        momentum: Momentum.
        weight_decay: Weight decay.
    """

    def __init__(self, network: Network, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        self.network = network.requires_grad_(False)
        self.optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)

    def step(self, images: Tensor, labels: Tensor, others: Tensor | None = None, share: float = 1.0) -> Tensor:
        """Take one step of mean cross-entropy and return the logits before it, (n, num_classes).

        Args:
            images: (n, C, H, W).
            labels: int64, (n,).
            others: Second labels of mixed images, int64 (n,).
            share: Weight of ``labels`` against ``others``, in 0..1.
        """
        with torch.enable_grad():
            self.network.requires_grad_(True)
            logits: Tensor = self.network(images.to(next(self.network.parameters())))
            loss = cross_entropy(logits, labels)
            if others is not None:
                loss = share * loss + (1 - share) * cross_entropy(logits, others)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.network.requires_grad_(False)
        return logits.detach()

    def epoch(
        self, images: Tensor, labels: Tensor, batch_size: int, augmentation: Augmentation, generator: torch.Generator
    ) -> None:
        """Go through images once, in shuffled and augmented batches; all draws are the generator's."""
        for index in torch.randperm(len(labels), generator=generator).split(batch_size):
            index = index.to(labels.device)
            self.step(augmentation(images[index], generator, siamese=False), labels[index])

    def state_dict(self) -> dict[str, Any]:
        """Return the weights and the optimiser's state."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the weights and the optimiser's state back, in the precision that they have."""
        self.network.to(next(v.dtype for v in state["network"].values() if v.is_floating_point()))
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])


class TrainedSurrogate(Surrogate, ABC):
    """Base of surrogates that draw a network, train it while it is used, and draw the next.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
        lr: Learning rate of the network.
        momentum: Momentum of the network's SGD.
        weight_decay: Weight decay of the network's SGD.
    """

    def __init__(self, network: NetworkFactory, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        require({"lr": lr}, least=0, of=type(self).__name__)
        self.architecture = network
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self._drawn_in = -1  # the round in which the current network was drawn
        self._trained: NetworkInTraining | None = None

    def due(self, step: int) -> bool:
        """Tell whether a round begins with a new network."""
        return step % self.rounds(self.images_per_class) == 0

    def network(self, step: int) -> Network:
        """Return the current network, newly drawn where one is due."""
        if self._trained is None or (self.due(step) and self._drawn_in != step):
            self._renew(step)
        return self.trained.network

    @property
    def trained(self) -> NetworkInTraining:
        """The current network and its optimiser."""
        if self._trained is None:
            raise RuntimeError("no network yet: network() comes first")
        return self._trained

    def _renew(self, step: int) -> None:
        with seeded(self.seed, "surrogate", step):
            network = self.architecture(self.num_classes, self.image_shape)
        self._trained = NetworkInTraining(network.to(self.device), self.lr, self.momentum, self.weight_decay)
        self._drawn_in = step

    def state_dict(self) -> dict[str, Any]:
        """Return the current network, its optimiser, and when it was drawn."""
        return {} if self._trained is None else {"born": self._drawn_in, "pupil": self._trained.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        if state:
            self._renew(state["born"])
            self.trained.load_state_dict(state["pupil"])
