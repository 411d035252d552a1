"""One network at a time that is renewed with every iteration."""

from __future__ import annotations

from abc import ABC
from typing import Any

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.matching.surrogates.pupil import Pupil
from fdd_lightning.networks import Network, NetworkFactory
from fdd_lightning.utils.rng import seeded


class SingleSurrogate(Surrogate, ABC):
    """Base of surrogates that draw a network, train it while it is used, and draw the next.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
        lr: Learning rate of the network.
        momentum: Momentum of the network's SGD.
        weight_decay: Weight decay of the network's SGD.
    """

    def __init__(self, network: NetworkFactory, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        if not lr >= 0:
            raise ConfigError(f"{type(self).__name__} lr must not be negative, but is {lr}")
        self.architecture = network
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self._born = -1  # the round in which the current network was drawn
        self._pupil: Pupil | None = None

    def due(self, step: int) -> bool:
        """Tell whether a round begins with a new network."""
        return step % self.rounds(self.images_per_class) == 0

    def network(self, step: int) -> Network:
        """Return the current network, newly drawn where one is due."""
        if self._pupil is None or (self.due(step) and self._born != step):
            self._renew(step)
        return self.pupil.network

    @property
    def pupil(self) -> Pupil:
        """The current network and its optimiser."""
        if self._pupil is None:
            raise RuntimeError("no network yet: network() comes first")
        return self._pupil

    def _renew(self, step: int) -> None:
        with seeded(self.seed, "surrogate", step):
            network = self.architecture(self.num_classes, self.image_shape)
        self._pupil = Pupil(network.to(self.device), self.lr, self.momentum, self.weight_decay)
        self._born = step

    def state_dict(self) -> dict[str, Any]:
        """Return the current network, its optimiser, and when it was drawn."""
        return {} if self._pupil is None else {"born": self._born, "pupil": self._pupil.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        if state:
            self._renew(state["born"])
            self.pupil.load_state_dict(state["pupil"])
