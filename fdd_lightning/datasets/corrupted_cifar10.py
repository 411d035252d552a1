"""Corrupted CIFAR-10 as DFA, SelecMix and Cui et al. use it (after LfF): each class mostly under one corruption.

DFA distributes its images as files only; this rebuilds them from CIFAR-10.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from fdd_lightning.datasets.assignment import class_sizes, deal, even_cells, even_totals, stratified_cut
from fdd_lightning.datasets.corruptions import FrostTextures, corrupt
from fdd_lightning.datasets.split import Split
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng

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


@dataclass(frozen=True)
class Corrupter:
    """Corrupts each image by its group's corruption.

    Attributes:
        names: The corruption of each group.
        level: How strongly, 1 to 5.
        textures: What frost looks like.
    """

    names: Sequence[str]
    level: int = 5
    textures: FrostTextures = "photographs"

    def chunks(self, images: Tensor, groups: Tensor, seed: int, split: str) -> Iterator[Tensor]:
        """Corrupt images; the draws for each follow from the seed, the split and its place.

        Args:
            images: uint8, (N, 3, 32, 32).
            groups: int64, (N,).
            seed: Seed of the draws.
            split: ``train`` or ``test``; names the draws.

        Yields:
            uint8, (n, 3, 32, 32), n at most 1,000.
        """
        for start in range(0, len(images), CHUNK):
            part, here = images[start : start + CHUNK], groups[start : start + CHUNK]
            out = torch.empty_like(part, memory_format=torch.contiguous_format)
            for group, name in enumerate(self.names):
                members = (here == group).nonzero().flatten()
                generators = [
                    np.random.default_rng(rng.derive(seed, "corrupted_cifar10", split, "corruption", start + place))
                    for place in members.tolist()
                ]
                out[members] = corrupt(part[members], name, self.level, generators, self.textures)
            yield out


def corrupted_train(
    images: Tensor,
    labels: Tensor,
    conflict_ratio: float | None,
    corrupter: Corrupter,
    seed: int,
) -> Split:
    """Build the training split.

    One image in ten (5,000 of 50,000), stratified by class, is held out and not used, as DFA does. Exactly
    ``round(conflict_ratio * N)`` of the rest conflict (2,250 of 45,000 with 0.05): spread over classes, and over the
    nine other corruptions, as evenly as possible, at random within a class.

    Args:
        images: uint8, (N, 3, 32, 32).
        labels: int64, (N,).
        conflict_ratio: Share of images under another class's corruption; None spreads every class evenly over all ten.
        corrupter: Has the corruption of each class, which is also that of the group of the same number.
        seed: Seed of the cut, of the assignment and of the corruptions.

    Returns:
        The split, (45000, 3, 32, 32), in CIFAR-10's order; images in chunks.

    Raises:
        ConfigError: A class has fewer images than it should have conflicting ones.
    """
    cut = stratified_cut(labels, len(labels) // 10, rng.generator(seed, "corrupted_cifar10", "held out"))
    kept = torch.ones(len(labels), dtype=torch.bool).index_fill(0, cut, False)
    images, labels = images[kept], labels[kept]
    sizes = class_sizes(labels, NUM_CLASSES)
    generator = rng.generator(seed, "corrupted_cifar10", "train", "cells")
    if conflict_ratio is None:
        cells = even_cells(sizes, NUM_CLASSES, generator, own=True)
    else:
        conflicting = even_totals(round(conflict_ratio * len(labels)), NUM_CLASSES, generator)
        if (conflicting > sizes).any():
            raise ConfigError(
                f"conflict_ratio={conflict_ratio} asks for more images than the smallest class has: lower it"
            )
        cells = even_cells(conflicting, NUM_CLASSES, generator, own=False) + torch.diag(sizes - conflicting)
    groups = deal(labels, cells, rng.generator(seed, "corrupted_cifar10", "train", "deal"))
    return Split(corrupter.chunks(images, groups, seed, "train"), labels, groups, {HELD_OUT: len(cut)})


def corrupted_test(images: Tensor, labels: Tensor, corrupter: Corrupter, seed: int) -> Split:
    """Build the unbiased test split: every class spread over the ten corruptions as evenly as possible.

    Args:
        images: uint8, (N, 3, 32, 32).
        labels: int64, (N,).
        corrupter: Has the corruption of each group.
        seed: Seed of the assignment and of the corruptions.

    Returns:
        The split, (N, 3, 32, 32), in CIFAR-10's order; images in chunks.
    """
    sizes = class_sizes(labels, NUM_CLASSES)
    generator = rng.generator(seed, "corrupted_cifar10", "test", "cells")
    cells = even_cells(sizes, NUM_CLASSES, generator, own=True)
    groups = deal(labels, cells, rng.generator(seed, "corrupted_cifar10", "test", "deal"))
    return Split(corrupter.chunks(images, groups, seed, "test"), labels, groups)
