"""C-MNIST foreground and background as in FairDD; Cui et al.'s CMNIST is another set, in ``cmnist.py``."""

from __future__ import annotations

from abc import ABC

from fdd_lightning.datamodules.mnist import MNISTDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.cmnist_fairdd import UNBIASED, Ground, cmnist_fairdd
from fdd_lightning.datasets.colors import FAIRDD_COLOR_NAMES


class _FairDDMNIST(MNISTDataModule, ABC):
    group_names = FAIRDD_COLOR_NAMES
    ground: Ground

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = 0.1,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(batch_size, seed, conflict_ratio, validation, root, download)

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.cmnist_fairdd`)."""
        # Rounded, because 1 - 0.1 need not be the 0.9 of the published rule in floating point.
        majority = UNBIASED if self.conflict_ratio is None else round(1 - self.conflict_ratio, 12)
        return {
            "train": cmnist_fairdd(*self.load(train=True), majority, self.ground, self.seed, "train"),
            "test": cmnist_fairdd(*self.load(train=False), UNBIASED, self.ground, self.seed, "test"),
        }


class CMNISTForeground(_FairDDMNIST):
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


class CMNISTBackground(_FairDDMNIST):
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
