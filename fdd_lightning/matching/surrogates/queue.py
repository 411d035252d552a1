"""A queue of networks of every age (IDM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.surrogates.base import Lesson, Surrogate
from fdd_lightning.matching.surrogates.trained import NetworkInTraining
from fdd_lightning.networks import ConvNet, Network, NetworkFactory
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import generator


@dataclass
class _Place:
    """A network of the queue, the number of its draw, and how often it was right in training."""

    number: int
    trained: NetworkInTraining
    right: int = 0
    seen: int = 0


class Queue(Surrogate):
    """A random one of up to ``length`` networks matches; others are trained a little on real images (IDM).

    Zhao et al., *Improved Distribution Matching for Dataset Condensation*, CVPR 2023. The queue starts with ``start``
    random networks; every ``interval`` rounds, the first included, another random one joins and beyond ``length`` the
    oldest leaves. After each round ``trained`` networks drawn from the queue take ``steps`` SGD steps on real images.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
        start: Networks at the start.
        length: The most networks that are kept.
        interval: Rounds between new networks (published: 30; 5 for IPC 1).
        trained: Networks trained after each round.
        steps: Steps of each.
        batch_size: Real images per step, of all classes.
        lr: Learning rate of the networks.
        momentum: Momentum of their SGD.
        weight_decay: Weight decay of their SGD.
        window: Rounds after which :attr:`accuracy` starts anew; in the reference at each evaluation (100, IPC 50: 500).

    Example:
        >>> Queue(start=3, length=2)
        Traceback (most recent call last):
        fdd_lightning.errors.ConfigError: Queue start 3 is more than its length 2 holds: lower start or raise length
    """

    def __init__(
        self,
        network: NetworkFactory = ConvNet,
        start: int = 3,
        length: int = 100,
        interval: int = 30,
        trained: int = 2,
        steps: int = 10,
        batch_size: int = 256,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        window: int = 100,
    ) -> None:
        numbers = {"start": start, "length": length, "interval": interval, "batch_size": batch_size, "window": window}
        require(numbers, least=1, of="Queue")
        require({"trained": trained, "steps": steps}, least=0, of="Queue")
        for key, value in {"start": start, "trained": trained}.items():
            if value > length:
                way = f"lower {key} or raise length"
                raise ConfigError(f"Queue {key} {value} is more than its length {length} holds: {way}")
        self.architecture = network
        self.start = start
        self.length = length
        self.interval = interval
        self.trained = trained
        self.steps = steps
        self.batch_size = batch_size
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.window = window
        self._places: list[_Place] = []
        self._count = 0  # networks drawn so far
        self._turn = -1  # the last round that the queue was moved on for

    def network(self, step: int) -> Network:
        """Return the round's network; the queue is moved on at the first call of a round."""
        if self._turn != step:
            self._turn = step
            self._move_on(step)
        draws = generator(self.seed, "queue match", step)
        place = self._places[int(torch.randint(len(self._places), (1,), generator=draws))]
        self.accuracy = 100 * place.right / place.seen if place.seen else 0.0
        return place.trained.network

    def _move_on(self, step: int) -> None:
        if step and step % self.window == 0:
            for place in self._places:
                place.right = place.seen = 0
        for _ in range((self.start if not self._count else 0) + (step % self.interval == 0)):
            self._places.append(self._place(self._count))
            self._count += 1
        del self._places[: -self.length]

    def _place(self, number: int) -> _Place:
        return _Place(
            number, NetworkInTraining(self.drawn(number), self.lr, self.momentum, self.weight_decay, self.arithmetic)
        )

    def learn(self, step: int, lesson: Lesson) -> None:
        """Train some networks of the queue on real images."""
        draws = generator(self.seed, "queue training", step)
        for chosen in torch.randperm(len(self._places), generator=draws)[: self.trained].tolist():
            place = self._places[chosen]
            for _ in range(self.steps):
                batch = lesson.real.batch(lesson.drawn(self.batch_size, draws))
                labels = batch["target"].to(self.device)
                logits = place.trained.step(batch["image"].to(self.device), labels)
                place.right += int((logits.argmax(1) == labels).sum())
                place.seen += len(labels)

    def state_dict(self) -> dict[str, Any]:
        """Return every network of the queue with its optimiser and counts."""
        places = [
            {"number": place.number, "right": place.right, "seen": place.seen, "pupil": place.trained.state_dict()}
            for place in self._places
        ]
        return {"born": self._count, "turn": self._turn, "places": places}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the queue back."""
        self._count, self._turn, self._places = state["born"], state["turn"], []
        for kept in state["places"]:
            place = self._place(kept["number"])
            place.trained.load_state_dict(kept["pupil"])
            place.right, place.seen = kept["right"], kept["seen"]
            self._places.append(place)
