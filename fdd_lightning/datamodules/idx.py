"""What all sets built from MNIST or Fashion-MNIST share: the source, and one attribute value per class."""

from __future__ import annotations

from abc import ABC
from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets.idx import IdxSource
from fdd_lightning.utils import paths


class IdxDataModule(BaseDataModule, ABC):
    """Base of data modules built from MNIST or Fashion-MNIST; biased ones are 3x32x32, normalised by 0.5 and 0.5.

    Attributes:
        origin: Which of the two.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of bias-conflicting training images; None for the unbiased twin.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``MNIST/raw`` or ``FashionMNIST/raw``, instead of the data root.
        download: Fetch the source if it is not there.
    """

    origin: IdxSource
    image_shape: tuple[int, int, int] = (3, 32, 32)
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = None,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(batch_size, seed, conflict_ratio, validation, root)
        self.download = download

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of the source."""
        return self.origin.class_names

    @property
    def licence(self) -> str:
        """One line about the source."""
        return self.origin.licence

    @property
    def aligned(self) -> Tensor | None:
        """Class c with attribute value c; None for the unbiased twin."""
        return None if self.conflict_ratio is None else torch.eye(self.num_classes, dtype=torch.bool)

    def source(self) -> Path:
        """Return the folder that holds the source; it need not exist if the source may be fetched."""
        return Path(self.root or paths.data_root()) if self.download else super().source()

    def check_source(self) -> None:
        """Check that the source files are there, or may be fetched."""
        if not self.download:
            self.origin.require(self.source())

    def load(self, *, train: bool) -> tuple[Tensor, Tensor]:
        """Read the source's images, uint8, (N, 28, 28), and labels, int64, (N,)."""
        return self.origin.load(self.source(), train=train, download=self.download)
