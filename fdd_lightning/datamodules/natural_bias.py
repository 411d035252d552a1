"""What the data modules share whose images come with their labels: nothing is assigned, images are only chosen."""

from __future__ import annotations

from abc import ABC
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import ImageSet
from fdd_lightning.datasets.copies import equal_images
from fdd_lightning.datasets.image_set import count_cells
from fdd_lightning.datasets.labelled_files import LabelledFiles, draw_per_cell
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng


class NaturalBias(BaseDataModule, ABC):
    """Base of data modules whose bias is the images' own.

    Args:
        balanced: Cut every (class, group) cell of the training split, by a seeded draw, to the size of the smallest.

    Example:
        >>> from fdd_lightning.datamodules import CelebA
        >>> CelebA(balanced=True).conflict_ratio is None
        True
    """

    fixed = ("conflict_ratio",)

    def __init__(self, *, balanced: bool = False, **kwargs: Any) -> None:
        super().__init__(conflict_ratio=None, **kwargs)
        self.balanced = balanced

    def bound(self, images: ImageSet) -> Tensor | None:
        """Return which images are equal: no validation image may be in training too."""
        return equal_images(images.pixels(place[None])[0] for place in torch.arange(len(images)))

    def train_files(self, files: LabelledFiles) -> LabelledFiles:
        """Return the training files: all, or with ``balanced`` as many of every cell.

        Raises:
            ConfigError: To be balanced, and a cell is empty.
        """
        if not self.balanced:
            return files
        counts = count_cells(files.targets, files.groups, self.num_classes, self.num_groups)
        for target, group in (counts == 0).nonzero().tolist():
            raise ConfigError(
                f"{self.name}: balanced=true needs images in every cell, but no training image is "
                f"{self.class_names[target]!r} and {self.group_names[group]!r}: use balanced=false, or another group"
            )
        draws = rng.generator(self.seed, self.entry, "train", "cut")
        return files.subset(draw_per_cell(files.targets, files.groups, int(counts.min()), draws))
