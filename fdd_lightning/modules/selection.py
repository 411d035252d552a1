"""Real images instead of distilled ones: the controls."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fdd_lightning.choices import rebuild
from fdd_lightning.matching.selectors import Random, Selector
from fdd_lightning.matching.weightings import Vanilla, Weighting
from fdd_lightning.modules.distiller import BaseDistiller
from fdd_lightning.rng import generator


class Selection(BaseDistiller):
    """Picks IPC real images of each class; the weighting spans the whole class, not a batch of it.

    Args:
        num_classes: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        images_per_class: IPC: images of each class.
        weighting: Which images count how much.
        selector: How images are picked by weight.
        seed: Seed of every draw; another seed gives another set.
        method: Name in files and tables.
    """

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        images_per_class: int = 10,
        weighting: Weighting = Vanilla(),
        selector: Selector = Random(),
        seed: int = 0,
        method: str = "random",
    ) -> None:
        super().__init__(num_classes, image_shape, images_per_class, weighting, seed, method)
        self.remember()
        self.selector = rebuild(selector)
        self.register_buffer("chosen", torch.zeros(0, dtype=torch.long), persistent=False)

    @property
    def num_steps(self) -> int:
        """Nothing is trained."""
        return 0

    def setup(self, stage: str) -> None:
        """Pick the images."""
        super().setup(stage)
        if stage == "fit":
            self.chosen = torch.cat([self._pick(c) for c in range(self.num_classes)])

    def _pick(self, target: int) -> Tensor:
        members = self.real.members(target)
        weights = self.weighting(self.evidence(members))
        picked = self.selector.select(weights, self.images_per_class, generator(self.seed, "selection", target))
        return members[picked]

    def stored_images(self) -> Tensor:
        """Return the chosen images."""
        return self.real.batch(self.chosen.cpu())["image"]

    def configure_optimizers(self) -> None:
        """There is nothing to optimise."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """There is nothing to train."""
