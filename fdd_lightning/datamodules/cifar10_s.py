"""CIFAR10-S as in FairDD."""

from __future__ import annotations

from torch import Tensor

from fdd_lightning.datamodules.cifar10 import CIFAR10DataModule
from fdd_lightning.datasets import Split, cifar10_s


class CIFAR10S(CIFAR10DataModule):
    """CIFAR10-S: airplanes to deer mostly in grey, dogs to trucks mostly in colour; 50,000 and 20,000 images, 32x32.

    The test set has every image in grey and in colour.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class that is in colour where its class is mostly grey, and the other way
            round; null for the unbiased twin, half grey and half colour.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``cifar-10-batches-py`` or ``cifar10/{train,test}``, instead of the data root.
        download: Fetch CIFAR-10 if it is not there.
    """

    name = "cifar10_s"
    group_names = ("grey", "color")
    mean = cifar10_s.MEAN
    std = cifar10_s.STD

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

    @property
    def aligned(self) -> Tensor | None:
        """Classes 0 to 4 in grey, 5 to 9 in colour; None for the unbiased twin."""
        return None if self.conflict_ratio is None else cifar10_s.ALIGNED

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.cifar10_s`)."""
        conflicting = cifar10_s.UNBIASED if self.conflict_ratio is None else self.conflict_ratio
        return {
            "train": cifar10_s.cifar10_s_train(*self.load(train=True), conflicting, self.seed),
            "test": cifar10_s.cifar10_s_test(*self.load(train=False)),
        }
