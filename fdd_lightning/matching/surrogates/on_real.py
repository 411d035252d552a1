"""A network trained on the real images while it is used (IDC, DREAM)."""

from __future__ import annotations

from typing import Any

import torch

from fdd_lightning.augment import Augmentation, DiffAug
from fdd_lightning.augment.cutmix import among_themselves
from fdd_lightning.matching.surrogates.base import Lesson
from fdd_lightning.matching.surrogates.trained import TrainedSurrogate
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import generator


class OnReal(TrainedSurrogate):
    """A new network per iteration, trained on real images after each round (IDC; Kim et al., ICML 2022).

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.
        inner: Rounds per network.
        images: Real images, drawn anew, that the network is trained on after each round; rounded up to whole batches,
            as in the reference (500 in batches of 64 are 512).
        batch_size: Real images per step of the network.
        momentum: Momentum of the network's SGD.
        weight_decay: Weight decay of the network's SGD.
        cutmix: Probability that a batch is mixed by cutmix (beta 1).

    Example:
        >>> OnReal(inner=20).rounds(images_per_class=10)
        20
    """

    def __init__(
        self,
        network: NetworkFactory = ConvNet,
        inner: int = 100,
        images: int = 500,
        batch_size: int = 64,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        cutmix: float = 0.5,
        augmentation: Augmentation = DiffAug("color_crop"),
        **kwargs: Any,
    ) -> None:
        super().__init__(network, batch_size=batch_size, augmentation=augmentation, **kwargs)
        require({"inner": inner, "images": images}, least=1, of="OnReal")
        require({"cutmix": cutmix}, least=0, most=1, of="OnReal")
        self.inner = inner
        self.images = images
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.cutmix = cutmix

    def rounds(self, images_per_class: int) -> int:
        """Return the rounds per network."""
        return self.inner

    def learn(self, step: int, lesson: Lesson) -> None:
        """Train on ``images`` real images, unless the network is done with."""
        if self.due(step + 1):
            return
        draws, weight = generator(self.seed, "surrogate training", step), next(self.trained.network.parameters())
        count = -(-self.images // self.batch_size) * self.batch_size
        for index in lesson.drawn(count, draws).split(self.batch_size):
            batch = lesson.real.batch(index)
            images = self.augmentation(batch["image"].to(weight), draws, siamese=False)
            labels = batch["target"].to(self.device)
            if float(torch.rand(1, generator=draws)) < self.cutmix:
                images, partner, kept = among_themselves(images, draws)
                self.trained.step(images, labels, labels[partner], kept)
            else:
                self.trained.step(images, labels)
