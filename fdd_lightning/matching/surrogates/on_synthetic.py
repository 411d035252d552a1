"""A network trained on the synthetic images as they evolve (DC, DSA)."""

from __future__ import annotations

from typing import Any

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.surrogates.base import Lesson
from fdd_lightning.matching.surrogates.trained import TrainedSurrogate
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import generator

LOOPS = {1: (1, 1), 10: (10, 50), 20: (20, 25), 30: (30, 20), 40: (40, 15), 50: (50, 10), 100: (100, 10)}
"""Outer and inner loops by IPC: VICO-UoE/DatasetCondensation ``get_loops``; IPC 100 is FairDD's addition."""


class OnSynthetic(TrainedSurrogate):
    """A new network per iteration, trained on the synthetic images between their steps.

    An iteration has ``outer`` image steps; after each but the last the network is trained for ``inner`` epochs on the
    images as they stand, in shuffled batches (DSA: augmented), by plain SGD.

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
        outer: Image steps per network; by default the published number for the IPC.
        inner: Epochs on the synthetic images after each image step; by default the published number for the IPC.

    Example:
        >>> OnSynthetic().loops(images_per_class=10)
        (10, 50)
    """

    def __init__(
        self,
        network: NetworkFactory = ConvNet,
        outer: int | None = None,
        inner: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        require({"outer": outer, "inner": inner}, least=1, of="OnSynthetic")
        self.outer = outer
        self.inner = inner

    def loops(self, images_per_class: int) -> tuple[int, int]:
        """Return the outer and inner loops for an IPC.

        Raises:
            ConfigError: They were not given and none are published for it.
        """
        if self.outer is not None and self.inner is not None:
            return self.outer, self.inner
        if images_per_class not in LOOPS:
            raise ConfigError(
                f"no loop counts are published for {images_per_class} images per class (only for "
                f"{', '.join(map(str, LOOPS))}): set surrogate.outer and surrogate.inner"
            )
        outer, inner = LOOPS[images_per_class]
        return self.outer or outer, self.inner or inner

    def rounds(self, images_per_class: int) -> int:
        """Return the outer loops."""
        return self.loops(images_per_class)[0]

    def learn(self, step: int, lesson: Lesson) -> None:
        """Train on the synthetic images, unless the network is done with."""
        if self.due(step + 1):
            return
        images, labels = lesson.synthetic()
        for epoch in range(self.loops(self.images_per_class)[1]):
            draws = generator(self.seed, "surrogate training", step, epoch)
            self.epoch(images, labels, draws)
