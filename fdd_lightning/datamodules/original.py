"""What the data modules built from MNIST, Fashion-MNIST or CIFAR-10 share."""

from __future__ import annotations

from abc import ABC
from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.originals import Original
from fdd_lightning.utils import paths


class FromOriginal(BaseDataModule, ABC):
    """Base of data modules built from a published set; biased ones are 3x32x32, group c being that of class c.

    Attributes:
        origin: The published set.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class in another group than its own (1 - rho of the papers); null for the
            unbiased twin, built like the test set.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds the published set (``MNIST/raw`` and the like), instead of the data root.
        download: Fetch the published set if it is not there.
    """

    origin: Original
    image_shape: tuple[int, int, int] = (3, 32, 32)
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = 0.1,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(batch_size, seed, conflict_ratio, validation, root)
        self.download = download

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of the published set."""
        return self.origin.class_names

    @property
    def licence(self) -> str:
        """One line about the published set."""
        return self.origin.licence

    @property
    def aligned(self) -> Tensor | None:
        """Class c with attribute value c; None for the unbiased twin."""
        return None if self.conflict_ratio is None else torch.eye(self.num_classes, dtype=torch.bool)

    def source(self) -> Path:
        """Return the folder that holds the published set; it need not exist if that may be fetched."""
        return Path(self.root or paths.data_root()) if self.download else super().source()

    def check_source(self) -> None:
        """Check that the published set is there, or may be fetched."""
        if not self.download:
            self.origin.require(self.source())

    def source_state(self) -> str | None:
        """Return which files are read, where copies of the published set differ."""
        return self.origin.state(self.source())

    def load(self, *, train: bool) -> tuple[Tensor, Tensor]:
        """Read one split: images, uint8, and labels, int64."""
        return self.origin.load(self.source(), train=train, download=self.download)


class AsPublished(FromOriginal, ABC):
    """Base of published sets as they are, in their order, with one group; the seed orders batches alone.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the validation cut and of the order of training batches; the images do not depend on it.
        validation: Share of the training images set aside for validation, in 0..1, drawn per class.
        root: Folder that holds the published set (``MNIST/raw`` and the like), instead of the data root.
        download: Fetch the published set if it is not there.
    """

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
        """Take both splits as they are."""
        splits = {}
        for name in ("train", "test"):
            images, labels = self.load(train=name == "train")
            splits[name] = Split(images.view(len(images), *self.image_shape), labels, torch.zeros_like(labels))
        return splits
