"""CMNIST as Cui et al., SelecMix and DFA have it: MNIST in LfF's ten soft colours, generated.

DFA distributes its images as files only; this rebuilds them from MNIST with the published counts. FairDD's coloured
MNIST is another data set, in ``fairdd_colored.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from fdd_lightning.datamodules.ready_made import ReadyMade
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.assignment import all_but, biased_cells, deal, stratified_cut
from fdd_lightning.datasets.colors import LFF_COLOR_NAMES, LFF_COLORS, tint
from fdd_lightning.datasets.originals import MNIST
from fdd_lightning.utils import rng

NUM_CLASSES = len(LFF_COLORS)
COLOR_STD = 0.005
"""Standard deviation of a colour around its mean, LfF's severity 4, which DFA uses."""

PUBLISHED = {0.005: 249, 0.01: 491, 0.02: 986, 0.05: 2449}
"""Bias-conflicting images among the 55,000 training images, per ratio (KDE paper, A.5)."""

PUBLISHED_IMAGES = 55_000


def conflict_count(num_images: int, conflict_ratio: float) -> int:
    """Count the bias-conflicting training images.

    The published counts where there is one. Otherwise as if that share of the images drew its colour uniformly from all
    ten, so that nine in ten of them conflict: ``round(0.9 * ratio * num_images)``.
    """
    if num_images == PUBLISHED_IMAGES and conflict_ratio in PUBLISHED:
        return PUBLISHED[conflict_ratio]
    return round((NUM_CLASSES - 1) / NUM_CLASSES * conflict_ratio * num_images)


def colored(images: Tensor, groups: Tensor, generator: torch.Generator) -> Tensor:
    """Colour as LfF does, ``clamp(mean + eps, 0, 1) * grey``, eps drawn once per image; then pad by two on every side.

    Args:
        images: uint8, (N, 28, 28).
        groups: int64, (N,), colours.
        generator: Draws eps, N(0, 0.005^2) per channel.

    Returns:
        uint8, (N, 3, 32, 32), truncated.
    """
    noise = torch.randn(len(images), 3, generator=generator, dtype=torch.float64) * COLOR_STD
    return pad(tint(images, (LFF_COLORS[groups] + noise).clamp(0, 1)), (2, 2, 2, 2))


class CMNIST(ReadyMade):
    """MNIST in ten soft colours with little noise (LfF, DFA, SelecMix, Cui et al.), padded to 32x32, unbiased test.

    55,000 training images (5,000 are held out and not used), 10,000 test images with every class evenly in all colours.

    Instead of being generated it can be read from the folders in which DFA hands it out. Their training images are
    those of the papers; the counts of both are the same.

    Args:
        conflict_ratio: Nominal share of bias-conflicting training images: 0.005, 0.01, 0.02 and 0.05 have the published
            249, 491, 986 and 2,449 of 55,000, others ``round(0.9 * ratio * 55000)``, as if that share drew its colour
            from all ten. Null for the unbiased twin, all ten colours evenly. With ``folder``, which ``pct`` folder.

    Example:
        >>> CMNIST(conflict_ratio=0.01).group_names[:2]
        ('orange red', 'yellow')
    """

    name = "cmnist"
    determines = ("conflict_ratio", "folder", "seed")
    origin = MNIST
    group_names = LFF_COLOR_NAMES

    def construct(self, images: Tensor, labels: Tensor, split: str) -> Split:
        """Build one split, in MNIST's order.

        Of the training images one in twelve, stratified by class, is held out, as DFA does. The conflicting images are
        spread over classes and over the nine other colours as evenly as possible, at random within a class.
        """
        ratio = None
        if split == "train":
            ratio = self.conflict_ratio
            cut = stratified_cut(labels, len(labels) // 12, rng.generator(self.seed, "cmnist", "held out"))
            kept = all_but(cut, len(labels))
            images, labels = images[kept], labels[kept]
        conflicting = None if ratio is None else conflict_count(len(labels), ratio)
        generator = rng.generator(self.seed, "cmnist", f"{split} cells")
        cells = biased_cells(torch.bincount(labels, minlength=NUM_CLASSES), conflicting, NUM_CLASSES, generator)
        groups = deal(labels, cells, rng.generator(self.seed, "cmnist", f"{split} deal"))
        return Split(colored(images, groups, rng.generator(self.seed, "cmnist", f"{split} colors")), labels, groups)
