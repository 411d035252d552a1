"""C-FMNIST foreground and background as in FairDD, the latter also as it was meant."""

from __future__ import annotations

from abc import ABC

from torch import Tensor

from fdd_lightning.datamodules.fairdd_colored import FairDDColored
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.cfmnist import Ground, cfmnist
from fdd_lightning.datasets.idx import FASHION_MNIST


class _CFMNIST(FairDDColored, ABC):
    origin = FASHION_MNIST
    ground: Ground

    def colored(self, images: Tensor, labels: Tensor, majority: float, split: str) -> Split:
        """Colour one split of Fashion-MNIST (see :mod:`fdd_lightning.datasets.cfmnist`)."""
        return cfmnist(images, labels, majority, self.ground, self.seed, split)


class CFMNISTForeground(_CFMNIST):
    """C-FMNIST (FG): the garment in shades of one of ten colours, on black; 60,000 and 10,000 images, 32x32.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class in another colour than its own (1 - rho of the paper); null for the
            unbiased twin, built like the test set.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``FashionMNIST/raw``, instead of the data root.
        download: Fetch Fashion-MNIST if it is not there.
    """

    name = "cfmnist_fg"
    ground: Ground = "foreground"


class CFMNISTBackground(_CFMNIST):
    """C-FMNIST (BG) as published: garments of wrapped bytes on one of ten colours; 60,000 and 10,000 images, 32x32.

    The published code overflows (see :mod:`fdd_lightning.datasets.cfmnist`); the paper's figures are for these images.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class in another colour than its own (1 - rho of the paper); null for the
            unbiased twin, built like the test set.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``FashionMNIST/raw``, instead of the data root.
        download: Fetch Fashion-MNIST if it is not there.
    """

    name = "cfmnist_bg"
    ground: Ground = "background"


class CFMNISTBackgroundIntended(_CFMNIST):
    """C-FMNIST (BG) as intended: dark garments on one of ten colours; 60,000 and 10,000 images, 32x32.

    There are no published figures for it: those of the paper are for ``cfmnist_bg``, whose bytes overflow.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class in another colour than its own (1 - rho of the paper); null for the
            unbiased twin, built like the test set.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``FashionMNIST/raw``, instead of the data root.
        download: Fetch Fashion-MNIST if it is not there.
    """

    name = "cfmnist_bg_intended"
    ground: Ground = "background_intended"
