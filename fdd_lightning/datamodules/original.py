"""Data modules built from MNIST, Fashion-MNIST or CIFAR-10: what they share, and these sets as they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import Split, originals
from fdd_lightning.datasets.originals import Original
from fdd_lightning.utils import paths

CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2023, 0.1994, 0.2010)
"""What DC, DSA and DM normalise by; the true deviation over all pixels is larger, (0.247, 0.243, 0.262)."""


class FromOriginal(BaseDataModule, ABC):
    """Base of data modules built from a published set; biased ones are 3x32x32, group c being that of class c.

    The data root, or ``root``, holds ``MNIST/raw``, ``FashionMNIST/raw``, or for CIFAR-10 ``cifar-10-batches-py`` or
    ``cifar10/{train,test}/CLASS``.

    Attributes:
        origin: The published set.

    Args:
        conflict_ratio: Share of each training class in another group than its own (1 - rho of the papers); null for the
            unbiased twin, built like the test set.
        download: Fetch the published set if it is not there.

    Example:
        >>> from fdd_lightning.datamodules import CIFAR10S
        >>> CIFAR10S(conflict_ratio=0.05, download=True).origin.name
        'CIFAR-10'
    """

    origin: Original
    image_shape: tuple[int, int, int] = (3, 32, 32)
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def __init__(self, *, conflict_ratio: float | None = 0.1, download: bool = False, **kwargs: Any) -> None:
        super().__init__(conflict_ratio=conflict_ratio, **kwargs)
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

    def build(self) -> dict[str, Split]:
        """Build both splits."""
        return {split: self.construct(*self.load(train=split == "train"), split) for split in ("train", "test")}

    @abstractmethod
    def construct(self, images: Tensor, labels: Tensor, split: str) -> Split:
        """Build one split; that for the test has no bias.

        Args:
            images: The published ones, uint8, (N, H, W) if grey, (N, 3, H, W) if not.
            labels: int64, (N,).
            split: ``train`` or ``test``; names the draws.

        Raises:
            ConfigError: A class has fewer images than it should have conflicting ones.
        """


class AsPublished(FromOriginal, ABC):
    """Base of published sets as they are, in their order, with one group; the images do not depend on the seed.

    Example:
        >>> CIFAR10().num_groups, CIFAR10().aligned
        (1, None)
    """

    determines = ()
    group_names = ("all",)
    fixed = ("conflict_ratio",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(conflict_ratio=None, **kwargs)

    def construct(self, images: Tensor, labels: Tensor, split: str) -> Split:
        """Take the images as they are."""
        return Split(images.view(len(images), *self.image_shape), labels, torch.zeros_like(labels))


class CIFAR10(AsPublished):
    """CIFAR-10 as it is: ten classes, no groups; 50,000 and 10,000 images.

    Example:
        >>> CIFAR10().class_names[:3]
        ('airplane', 'automobile', 'bird')
    """

    name = "cifar10"
    origin = originals.CIFAR10
    mean = CIFAR10_MEAN
    std = CIFAR10_STD


class FashionMNIST(AsPublished):
    """Fashion-MNIST as it is: 60,000 and 10,000 grey images, 28x28, one group; normalised as in DC, DSA and DM.

    Example:
        >>> FashionMNIST().class_names[:3]
        ('T-shirt/top', 'Trouser', 'Pullover')
    """

    name = "fashion_mnist"
    origin = originals.FASHION_MNIST
    image_shape = (1, 28, 28)
    mean = (0.2861,)
    std = (0.3530,)
