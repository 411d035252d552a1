"""What a surrogate is: where the network that looks at both sets of images comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.systematic_resampling import systematic_draws
from fdd_lightning.networks import Network, NetworkFactory
from fdd_lightning.networks.arithmetic import WRITTEN, Arithmetic
from fdd_lightning.utils.rng import seeded


@dataclass(frozen=True)
class Lesson:
    """What a surrogate may learn from after a round.

    Attributes:
        real: The real training set.
        synthetic: Returns the decoded synthetic images as they stand, (n, C, H, W), without their graph, and their
            labels, int64 (n,).
        shares: The share that each real image has in training, float64 (N,), sums to 1; None: all the same.

    Example:
        >>> images, labels = torch.zeros(1, 3, 8, 8), torch.tensor([4])
        >>> real = ImageSet(images.byte(), labels, labels, mean=(0, 0, 0), std=(1, 1, 1))
        >>> Lesson(real, synthetic=lambda: (images, labels)).synthetic()[1]
        tensor([4])
    """

    real: ImageSet
    synthetic: Callable[[], tuple[Tensor, Tensor]]
    shares: Tensor | None = None

    def drawn(self, count: int, draws: torch.Generator) -> Tensor:
        """Return the places of real images to train on, int64 (count,), all of them at most, in random order."""
        size = len(self.real)
        if self.shares is None:
            return torch.randperm(size, generator=draws)[:count]
        chosen = systematic_draws(self.shares, min(count, size), draws)
        return chosen[torch.randperm(len(chosen), generator=draws)]


class Surrogate(Choice, ABC):
    """Base of every surrogate. What it learns belongs to the checkpoint: see :meth:`state_dict`.

    A *round* is one step of the images of all classes, at once or class by class; rounds count from 0 over the whole
    run. Everything is drawn from the seed and the round, so that all processes have equal networks.

    Example:
        >>> class Lasting(Surrogate):
        ...     def network(self, step):
        ...         return self.drawn(step // 100)
        >>> Lasting().rounds(images_per_class=1)
        1
    """

    architecture: NetworkFactory
    """What :meth:`drawn` builds its networks by."""

    needs_classifier: ClassVar[bool] = False
    """Whether it reads a trained classifier (``--classifier``)."""

    arithmetic: Arithmetic = WRITTEN
    """How its networks are computed while they are trained; set before :meth:`prepare`."""

    accuracy: float = 0.0
    """Training accuracy of the current network in percent, where a surrogate measures it (IDM's term reads it)."""

    def rounds(self, images_per_class: int) -> int:
        """Return the rounds that make up one iteration of the method, at whose start the network is renewed.

        Raises:
            ConfigError: The method has no such number for this IPC.
        """
        return 1

    def prepare(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        images_per_class: int,
        seed: int,
        device: torch.device,
        classifier: Algorithm | None = None,
    ) -> None:
        """Take the facts of the run; called once before the first step, and before a state is loaded.

        Args:
            num_classes: Number of classes.
            image_shape: (C, H, W).
            images_per_class: IPC.
            seed: Seed of every draw.
            device: Where networks are.
            classifier: The trained classifier, for surrogates that need one; frozen, in evaluation mode.
        """
        self.num_classes = num_classes
        self.image_shape = image_shape
        self.images_per_class = images_per_class
        self.seed = seed
        self.device = device
        self.classifier = classifier

    def drawn(self, number: int) -> Network:
        """Return a new random network; its weights depend on the run's seed and the number only."""
        with self.seeded(number):
            return self.built().to(self.device, non_blocking=True)

    def built(self) -> Network:
        """Return a new network on the host, by torch's global generator."""
        return self.architecture(self.num_classes, self.image_shape)

    def seeded(self, number: int) -> AbstractContextManager[None]:
        """Return the context in which torch's global generator has the seed of a network's number."""
        return seeded(self.seed, "surrogate", number)

    @abstractmethod
    def network(self, step: int) -> Network:
        """Return the network of a round, equal on all processes; asked for once or several times per round."""

    def learn(self, step: int, lesson: Lesson) -> None:
        """Learn at the end of a round, after the images' step; by default nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a restart: tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        if state:
            raise ValueError(f"{type(self).__name__} has no state, but the checkpoint holds {sorted(state)}")
