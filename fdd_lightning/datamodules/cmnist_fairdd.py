"""C-MNIST foreground and background as in FairDD; Cui et al.'s CMNIST is another set, in ``cmnist.py``."""

from __future__ import annotations

from abc import ABC

from torch import Tensor

from fdd_lightning.datamodules.fairdd_colored import FairDDColored
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.cmnist_fairdd import Ground, cmnist_fairdd
from fdd_lightning.datasets.idx import MNIST


class _CMNIST(FairDDColored, ABC):
    origin = MNIST
    ground: Ground

    def colored(self, images: Tensor, labels: Tensor, majority: float, split: str) -> Split:
        """Colour one split of MNIST (see :mod:`fdd_lightning.datasets.cmnist_fairdd`)."""
        return cmnist_fairdd(images, labels, majority, self.ground, self.seed, split)


class CMNISTForeground(_CMNIST):
    """C-MNIST (FG): the digit in one of ten flat colours, on black; 60,000 and 10,000 images, 32x32.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class in another colour than its own (1 - rho of the paper); null for the
            unbiased twin, built like the test set.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``MNIST/raw``, instead of the data root.
        download: Fetch MNIST if it is not there.
    """

    name = "cmnist_fg"
    ground: Ground = "foreground"


class CMNISTBackground(_CMNIST):
    """C-MNIST (BG): a black digit on one of ten flat colours; 60,000 and 10,000 images, 32x32.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class in another colour than its own (1 - rho of the paper); null for the
            unbiased twin, built like the test set.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``MNIST/raw``, instead of the data root.
        download: Fetch MNIST if it is not there.
    """

    name = "cmnist_bg"
    ground: Ground = "background"
