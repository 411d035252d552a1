"""What surrogates train: a network with its optimiser, and the base of those that train one network at a time."""

from __future__ import annotations

from abc import ABC
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.augment import Augmentation, NoAugmentation
from fdd_lightning.configuration.choices import rebuild
from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.networks import ConvNet, Network, NetworkFactory
from fdd_lightning.networks.arithmetic import WRITTEN, Arithmetic
from fdd_lightning.utils.checks import require


class NetworkInTraining:
    """A network and its optimiser, which are trained, kept and restored together.

    Args:
        network: The network; it is frozen except inside :meth:`step`.
        lr: Learning rate of its SGD.
        momentum: Momentum.
        weight_decay: Weight decay.
        arithmetic: How the network is computed.

    Example:
        >>> trained = NetworkInTraining(ConvNet(10, (3, 8, 8), width=4), lr=0.1)
        >>> trained.step(torch.zeros(2, 3, 8, 8), torch.tensor([0, 9])).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        network: Network,
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        arithmetic: Arithmetic = WRITTEN,
    ) -> None:
        self.arithmetic = arithmetic
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
            logits = self.arithmetic(_logits, self.network, images.to(next(self.network.parameters())))
            loss = cross_entropy(logits, labels)
            if others is not None:
                loss = share * loss + (1 - share) * cross_entropy(logits, others)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.network.requires_grad_(False)
        return logits.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return the weights and the optimiser's state."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the weights and the optimiser's state back, in the precision that they have."""
        self.network.to(next(v.dtype for v in state["network"].values() if v.is_floating_point()))
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])


def _logits(network: Network, images: Tensor) -> Tensor:
    found: Tensor = network(images)
    return found


class TrainedSurrogate(Surrogate, ABC):
    """Base of surrogates that draw a network, train it by SGD while it is used, and draw the next.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
        lr: Learning rate of the network.
        batch_size: Images per step of the network.
        augmentation: Applied to the network's training batches, parameters per image.

    Example:
        >>> class OneStep(TrainedSurrogate):
        ...     def learn(self, step, lesson):
        ...         self.trained.step(*lesson.synthetic())
        >>> OneStep(lr=0.1).batch_size
        256
    """

    momentum: float = 0.0
    weight_decay: float = 0.0

    def __init__(
        self,
        network: NetworkFactory = ConvNet,
        lr: float = 0.01,
        batch_size: int = 256,
        augmentation: Augmentation = NoAugmentation(),
    ) -> None:
        require({"lr": lr}, least=0, of=type(self).__name__)
        require({"batch_size": batch_size}, least=1, of=type(self).__name__)
        self.architecture = network
        self.lr = lr
        self.batch_size = batch_size
        self.augmentation = rebuild(augmentation)
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

    def epoch(self, images: Tensor, labels: Tensor, draws: torch.Generator) -> None:
        """Train on images once, in shuffled and augmented batches."""
        for index in torch.randperm(len(labels), generator=draws).split(self.batch_size):
            index = index.to(labels.device)
            self.trained.step(self.augmentation(images[index], draws, siamese=False), labels[index])

    def _renew(self, step: int) -> None:
        self._trained = NetworkInTraining(self.drawn(step), self.lr, self.momentum, self.weight_decay, self.arithmetic)
        self._drawn_in = step

    def state_dict(self) -> dict[str, Any]:
        """Return the current network, its optimiser, and when it was drawn."""
        return {} if self._trained is None else {"born": self._drawn_in, "pupil": self._trained.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        if state:
            self._renew(state["born"])
            self.trained.load_state_dict(state["pupil"])
