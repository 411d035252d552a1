"""Plain CIFAR-10, and what all sets built from CIFAR-10 share: the source."""

from __future__ import annotations

from abc import ABC
from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import Split, cifar10
from fdd_lightning.utils import paths


class CIFAR10DataModule(BaseDataModule, ABC):
    """Base of data modules built from CIFAR-10, 3x32x32.

    The source is torchvision's ``cifar-10-batches-py`` or, where that is missing, class folders
    ``cifar10/{train,test}/<class>/`` of image files.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of bias-conflicting training images; None for the unbiased twin.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``cifar-10-batches-py`` or ``cifar10``, instead of the data root.
        download: Fetch CIFAR-10 if it is not there.
    """

    class_names = cifar10.CLASS_NAMES
    image_shape = (3, cifar10.SIZE, cifar10.SIZE)
    mean: tuple[float, ...] = cifar10.MEAN
    std: tuple[float, ...] = cifar10.STD
    licence = cifar10.LICENCE

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

    def source(self) -> Path:
        """Return the folder that holds CIFAR-10; it need not exist if CIFAR-10 may be fetched."""
        return Path(self.root or paths.data_root()) if self.download else super().source()

    def check_source(self) -> None:
        """Check that CIFAR-10 is there, or may be fetched."""
        if not self.download:
            cifar10.require_cifar10(self.source())

    def source_state(self) -> str | None:
        """Return which layout is read and, of image files, a hash of their names and sizes."""
        self.check_source()
        return cifar10.source_state(self.source())

    def load(self, *, train: bool) -> tuple[Tensor, Tensor]:
        """Read CIFAR-10's images, uint8, (N, 3, 32, 32), and labels, int64, (N,)."""
        if self.download:
            cifar10.fetch_cifar10(self.source())
        return cifar10.load_cifar10(self.source(), train=train)


class CIFAR10(CIFAR10DataModule):
    """CIFAR-10 as it is: ten classes, no groups; 50,000 and 10,000 images.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the validation cut and of the order of training batches; the images do not depend on it.
        validation: Share of the training images set aside for validation, in 0..1, drawn per class.
        root: Folder that holds ``cifar-10-batches-py`` or ``cifar10/{train,test}``, instead of the data root.
        download: Fetch CIFAR-10 if it is not there.
    """

    name = "cifar10"
    determines = ()
    group_names = ("all",)

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(batch_size, seed, None, validation, root, download)

    def build(self) -> dict[str, Split]:
        """Read both splits; all images are of one group."""
        splits = {}
        for split in ("train", "test"):
            images, labels = self.load(train=split == "train")
            splits[split] = Split(images, labels, torch.zeros_like(labels))
        return splits
