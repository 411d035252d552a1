"""CMNIST as Cui et al., SelecMix and DFA have it: MNIST in LfF's ten soft colours, generated.

DFA distributes its images as files only; this rebuilds them from MNIST with the published counts. FairDD's coloured
MNIST is another data set (:mod:`fdd_lightning.datasets.cmnist_fairdd`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from fdd_lightning.datasets.assignment import class_sizes, deal, even_cells, even_totals, stratified_cut
from fdd_lightning.datasets.colors import LFF_COLORS, tint
from fdd_lightning.datasets.split import Split
from fdd_lightning.errors import ConfigError
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


def cmnist_train(images: Tensor, labels: Tensor, conflict_ratio: float | None, seed: int) -> Split:
    """Build the training split.

    One image in twelve (5,000 of 60,000), stratified by class, is held out and not used, as DFA does. The conflicting
    images are spread over classes and over the nine other colours as evenly as possible, at random within a class.

    Args:
        images: uint8, (N, 28, 28).
        labels: int64, (N,).
        conflict_ratio: Share of images that draw any colour (see :func:`conflict_count`); None spreads every class
            evenly over all ten colours (the unbiased twin).
        seed: Seed of the cut, of the assignment and of the colours.

    Returns:
        The split, (55000, 3, 32, 32), in MNIST's order.

    Raises:
        ConfigError: A class has fewer images than it should have conflicting ones.
    """
    cut = stratified_cut(labels, len(labels) // 12, rng.generator(seed, "cmnist", "held out"))
    kept = torch.ones(len(labels), dtype=torch.bool).index_fill(0, cut, False)
    images, labels = images[kept], labels[kept]
    sizes = class_sizes(labels, NUM_CLASSES)
    generator = rng.generator(seed, "cmnist", "train cells")
    if conflict_ratio is None:
        cells = even_cells(sizes, NUM_CLASSES, generator, own=True)
    else:
        conflicting = even_totals(conflict_count(len(labels), conflict_ratio), NUM_CLASSES, generator)
        if (conflicting > sizes).any():
            raise ConfigError(
                f"conflict_ratio={conflict_ratio} asks for more images than the smallest class has: lower it"
            )
        cells = even_cells(conflicting, NUM_CLASSES, generator, own=False) + torch.diag(sizes - conflicting)
    groups = deal(labels, cells, rng.generator(seed, "cmnist", "train deal"))
    return Split(colored(images, groups, rng.generator(seed, "cmnist", "train colors")), labels, groups)


def cmnist_test(images: Tensor, labels: Tensor, seed: int) -> Split:
    """Build the unbiased test split: every class spread over the ten colours as evenly as possible.

    Args:
        images: uint8, (N, 28, 28).
        labels: int64, (N,).
        seed: Seed of the assignment and of the colours.

    Returns:
        The split, (N, 3, 32, 32), in MNIST's order.
    """
    sizes = class_sizes(labels, NUM_CLASSES)
    cells = even_cells(sizes, NUM_CLASSES, rng.generator(seed, "cmnist", "test cells"), own=True)
    groups = deal(labels, cells, rng.generator(seed, "cmnist", "test deal"))
    return Split(colored(images, groups, rng.generator(seed, "cmnist", "test colors")), labels, groups)


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
