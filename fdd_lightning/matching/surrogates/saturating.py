"""A network trained on the synthetic images by turns that its accuracy on real ones decides (CAFE)."""

from __future__ import annotations

from typing import Any

import torch

from fdd_lightning.matching.surrogates.base import Lesson
from fdd_lightning.matching.surrogates.trained import TrainedSurrogate
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import generator

READINGS = 10


class Saturating(TrainedSurrogate):
    """CAFE's dynamic loops (Wang et al., CVPR 2022).

    After each image step the network's accuracy on real images is read. When the last ten readings span less than
    ``still`` the network is given up and the next step draws a new one. Otherwise it is trained on the synthetic
    images, with a reading after each epoch, until the last ten readings of that training span more than ``moved``. As
    in the reference a reading carries a part of the one before it: accuracy + previous / num_classes.

    One iteration is one image step here, since nobody knows beforehand how many a network will have.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
        still: Span of readings below which the network is renewed (lambda 1).
        moved: Span of readings above which its training stops (lambda 2).
        patience: The most image steps with one network, and the most epochs of one training. The reference has no such
            bound, and then does not end where a network has learned all it can.
        probes: Real images of each class per reading.

    Example:
        >>> Saturating().rounds(images_per_class=10)
        1
    """

    def __init__(
        self,
        network: NetworkFactory = ConvNet,
        still: float = 0.04,
        moved: float = 0.03,
        patience: int = 100,
        probes: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        require({"patience": patience, "probes": probes}, least=1, of="Saturating")
        self.still = still
        self.moved = moved
        self.patience = patience
        self.probes = probes
        self._readings: list[float] = []  # since the network was drawn
        self._over = True

    def due(self, step: int) -> bool:
        """Tell whether the current network is given up."""
        return self._over

    def _renew(self, step: int) -> None:
        super()._renew(step)
        self._readings, self._over = [], False

    def learn(self, step: int, lesson: Lesson) -> None:
        """Read the accuracy, and give the network up or train it."""
        self._readings.append(self._reading(lesson, step, 0, self._readings[-1:]))
        if _span(self._readings) < self.still or len(self._readings) >= self.patience:
            self._over = True
            return
        images, labels = lesson.synthetic()
        readings: list[float] = []
        for epoch in range(1, self.patience + 1):
            draws = generator(self.seed, "surrogate training", step, epoch)
            self.epoch(images, labels, draws)
            readings.append(self._reading(lesson, step, epoch, readings[-1:]))
            if len(readings) >= READINGS and _span(readings) > self.moved:
                return

    @torch.no_grad()
    def _reading(self, lesson: Lesson, step: int, epoch: int, before: list[float]) -> float:
        draws = generator(self.seed, "probes", step, epoch)
        right: list[float] = []
        weight = next(self.trained.network.parameters())
        for target in range(self.num_classes):
            members = lesson.real.members(target)
            chosen = members[torch.randperm(len(members), generator=draws)[: self.probes]]
            predicted = self.trained.network(lesson.real.batch(chosen)["image"].to(weight)).argmax(1)
            right.append(float((predicted == target).double().mean()))
        return (sum(right) + sum(before)) / self.num_classes

    def state_dict(self) -> dict[str, Any]:
        """Return the network, and the readings that decide about it."""
        return super().state_dict() | {"readings": self._readings, "over": self._over}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        super().load_state_dict({key: value for key, value in state.items() if key in ("born", "pupil")})
        self._readings, self._over = list(state["readings"]), state["over"]


def _span(readings: list[float]) -> float:
    """Return the range of the last ten readings; infinite while there are fewer."""
    last = readings[-READINGS:]
    return max(last) - min(last) if len(last) == READINGS else float("inf")
