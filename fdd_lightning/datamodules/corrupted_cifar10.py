"""Corrupted CIFAR-10 as DFA, SelecMix and Cui et al. use it (after LfF): each class mostly under one corruption.

DFA distributes its images as files only; this rebuilds them from CIFAR-10.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fdd_lightning.datamodules.original import CIFAR10_MEAN, CIFAR10_STD
from fdd_lightning.datamodules.ready_made import ReadyMade
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.assignment import all_but, biased_cells, deal, stratified_cut
from fdd_lightning.datasets.corruptions import LEVELS, FrostTextures, corrupt
from fdd_lightning.datasets.corruptions.frost import best_textures
from fdd_lightning.datasets.originals import CIFAR10
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng
from fdd_lightning.utils.checks import require

Corruptions = Literal["dfa", "lff_type0", "lff_type1"]

LISTS: dict[str, tuple[str, ...]] = {
    "dfa": (
        "brightness", "contrast", "gaussian_noise", "frost", "elastic_transform",
        "gaussian_blur", "defocus_blur", "impulse_noise", "saturate", "pixelate",
    ),
    "lff_type0": (
        "snow", "frost", "fog", "brightness", "contrast",
        "spatter", "elastic_transform", "jpeg_compression", "pixelate", "saturate",
    ),
    "lff_type1": (
        "gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "gaussian_blur",
        "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "original",
    ),
}  # fmt: skip
"""Which corruption belongs to class 0 to 9: DFA's list (its supplement), and LfF's two (make_dataset.py)."""

NUM_CLASSES = 10
HELD_OUT = "held out, as in DFA"
CHUNK = 1000


class CorruptedCIFAR10(ReadyMade):
    """CIFAR-10 with a corruption per class (LfF, DFA, SelecMix, Cui et al.), unbiased test; 45,000 and 10,000 images.

    5,000 training images are held out and not used. The test set has every class evenly under all ten corruptions.

    Instead of being generated it can be read from the folders in which DFA hands it out, which hold the images of the
    papers (published counts of conflicting ones: 228, 442, 887 and 2,242).

    Args:
        conflict_ratio: Share of the training images under another class's corruption; published are 0.005, 0.01, 0.02
            and 0.05 (225, 450, 900 and 2,250 of 45,000 here). Null for the unbiased twin, all ten evenly. With
            ``folder``, which ``pct`` folder.
        corruptions: Which corruption each class has: DFA's list, or LfF's Type 0 or 1. With ``folder``, what its
            groups are called.
        level: How strong the corruptions are, 1 to 5; LfF's severity s is level s + 1.
        frost: Where textures of frost come from: the published photographs, which the package imagecorruptions-imaug
            brings, or generated ones. Null takes the photographs if they are installed. Where no class has frost, or
            with ``folder``, it means nothing.

    Example:
        >>> CorruptedCIFAR10(corruptions="lff_type0").group_names[:3]
        ('snow', 'frost', 'fog')
    """

    name = "corrupted_cifar10"
    origin = CIFAR10
    mean = CIFAR10_MEAN
    std = CIFAR10_STD
    determines = ("conflict_ratio", "corruptions", "level", "frost", "folder", "seed")

    def __init__(
        self,
        *,
        conflict_ratio: float | None = 0.05,
        corruptions: Corruptions = "dfa",
        level: int = 5,
        frost: FrostTextures | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(conflict_ratio=conflict_ratio, **kwargs)
        if corruptions not in LISTS:
            raise ConfigError(f"{self.name}: corruptions={corruptions!r}: it must be one of {', '.join(LISTS)}")
        require({"level": level}, least=1, most=LEVELS, of=f"{self.name}:")
        if frost not in (None, "photographs", "generated"):
            raise ConfigError(f"{self.name}: frost={frost!r}: it must be photographs, generated or null")
        self.corruptions = corruptions
        self.level = level
        # What is left to the installation is settled here, so that the parameters say what was taken.
        draws_frost = self.folder is None and "frost" in LISTS[corruptions]
        self.frost: FrostTextures | None = (frost or best_textures()) if draws_frost else None

    @property
    def group_names(self) -> tuple[str, ...]:
        """The corruptions, in the order of the classes they belong to."""
        return tuple(name.replace("_", " ") for name in LISTS[self.corruptions])

    def construct(self, images: Tensor, labels: Tensor, split: str) -> Split:
        """Build one split, in CIFAR-10's order; images in chunks.

        Of the training images one in ten, stratified by class, is held out, as DFA does. Exactly
        ``round(conflict_ratio * N)`` of the rest conflict: spread over classes, and over the nine other corruptions, as
        evenly as possible, at random within a class.
        """
        ratio, left_out = None, {}
        if split == "train":
            ratio = self.conflict_ratio
            cut = stratified_cut(labels, len(labels) // 10, rng.generator(self.seed, "corrupted_cifar10", "held out"))
            kept = all_but(cut, len(labels))
            images, labels, left_out = images[kept], labels[kept], {HELD_OUT: len(cut)}
        conflicting = None if ratio is None else round(ratio * len(labels))
        generator = rng.generator(self.seed, "corrupted_cifar10", split, "cells")
        cells = biased_cells(torch.bincount(labels, minlength=NUM_CLASSES), conflicting, NUM_CLASSES, generator)
        groups = deal(labels, cells, rng.generator(self.seed, "corrupted_cifar10", split, "deal"))
        return Split(self._corrupted(images, groups, split), labels, groups, left_out)

    def _corrupted(self, images: Tensor, groups: Tensor, split: str) -> Iterator[Tensor]:
        """Corrupt each image by its group's corruption, a chunk at a time; its place decides its draws."""
        for start in range(0, len(images), CHUNK):
            part, here = images[start : start + CHUNK], groups[start : start + CHUNK]
            out = torch.empty_like(part, memory_format=torch.contiguous_format)
            for group, name in enumerate(LISTS[self.corruptions]):
                members = (here == group).nonzero().flatten()
                generators = [
                    np.random.default_rng(rng.derive(self.seed, "corrupted_cifar10", split, "corruption", place))
                    for place in (start + members).tolist()
                ]
                out[members] = corrupt(part[members], name, self.level, generators, self.frost or "generated")
            yield out
