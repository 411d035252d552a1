"""What the coloured MNIST sets share: the source, and one colour per class."""

from __future__ import annotations

from abc import ABC
from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning import paths
from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import mnist


class MNISTDataModule(BaseDataModule, ABC):
    """Base of data modules built from MNIST with ten classes and ten colours, 3x32x32, normalised by 0.5 and 0.5.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of bias-conflicting training images; None for the unbiased twin.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``MNIST/raw``, instead of the data root.
        download: Fetch MNIST if it is not there.
    """

    class_names = tuple(str(digit) for digit in range(10))
    image_shape = (3, 32, 32)
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    licence = mnist.LICENCE

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
    def aligned(self) -> Tensor | None:
        """Class c in colour c; None for the unbiased twin."""
        return None if self.conflict_ratio is None else torch.eye(self.num_classes, dtype=torch.bool)

    def source(self) -> Path:
        """Return the folder that holds ``MNIST/raw``; it need not exist if MNIST may be fetched."""
        return Path(self.root or paths.data_root()) if self.download else super().source()

    def check_source(self) -> None:
        """Check that MNIST's files are there, or may be fetched."""
        if not self.download:
            mnist.require_mnist(self.source())

    def load(self, *, train: bool) -> tuple[Tensor, Tensor]:
        """Read MNIST's images, uint8, (N, 28, 28), and labels, int64, (N,)."""
        return mnist.load_mnist(self.source(), train=train, download=self.download)
