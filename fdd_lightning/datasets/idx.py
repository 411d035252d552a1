"""MNIST and Fashion-MNIST as torchvision lays them out, with one clear line where they are missing or damaged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datasets.download import Remote, extract, fetch
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError

FILES = tuple(f"{split}-{part}-ubyte" for split in ("train", "t10k") for part in ("images-idx3", "labels-idx1"))


@dataclass(frozen=True)
class IdxSource:
    """Where the four files of a set of 28x28 grey images are, and where they come from.

    Attributes:
        name: Name of torchvision's class, which is also that of its folder; URLs and checksums are taken from there.
        class_names: Names of the classes.
        licence: One line about the images.
        megabytes: Size of the download.
    """

    name: str
    class_names: tuple[str, ...]
    licence: str
    megabytes: int

    @property
    def raw(self) -> Path:
        """The folder of the files, below the root."""
        return Path(self.name, "raw")

    def require(self, root: Path) -> None:
        """Check that all four files are there.

        Raises:
            DatasetNotFoundError: One is not.
        """
        for name in FILES:
            if not (root / self.raw / name).is_file():
                raise DatasetNotFoundError(
                    f"{self.name} not found in root={str(root)!r} with download=False (no {self.raw / name}): set "
                    f"FDD_DATA or pass `root` to the folder that holds {self.raw}, or pass download=True to fetch it "
                    f"(about {self.megabytes} MB)"
                )

    def fetch(self, root: Path) -> None:
        """Fetch, verify and unpack the files that are missing.

        Raises:
            DatasetNotFoundError: They could not be fetched.
            FDDError: The folder cannot be written.
        """
        folder = root / self.raw
        for archive, md5 in self._torchvision().resources:
            if not (folder / Path(archive).stem).is_file():
                mirrors = [Remote(mirror + archive, archive, md5) for mirror in self._torchvision().mirrors]
                extract(fetch(mirrors, folder), folder)

    def load(self, root: Path, *, train: bool, download: bool = False) -> tuple[Tensor, Tensor]:
        """Read one split.

        Args:
            root: The folder that holds :attr:`raw`.
            train: The training split, or else the test split.
            download: Fetch and verify the files if they are missing.

        Returns:
            Images, uint8, (N, 28, 28), and labels, int64, (N,).

        Raises:
            DatasetNotFoundError: The files are missing, or could not be fetched.
            FileFormatError: They are there but damaged.
        """
        if download:
            self.fetch(root)
        else:
            self.require(root)
        try:
            source = self._torchvision()(root, train=train)
        except (ValueError, TypeError, AssertionError, RuntimeError, OSError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise FileFormatError(
                f"{self.name} in {str(root / self.raw)!r} cannot be read ({reason}): delete its files and fetch them "
                "again with download=True"
            ) from None
        images, labels = source.data, source.targets.to(torch.int64)
        if len(images) != len(labels) or images.ndim != 3:
            raise FileFormatError(
                f"{self.name} in {str(root / self.raw)!r} has {len(images)} images and {len(labels)} labels: fetch it "
                "anew"
            )
        return images, labels

    def _torchvision(self) -> Any:
        from torchvision import datasets  # slow to import, needed only to build

        return getattr(datasets, self.name)


MNIST = IdxSource(
    name="MNIST",
    class_names=tuple(str(digit) for digit in range(10)),
    licence="MNIST (Y. LeCun, C. Cortes, C. J. C. Burges, 1998); published without a stated licence",
    megabytes=12,
)

FASHION_MNIST = IdxSource(
    name="FashionMNIST",
    class_names=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    licence="Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, 2017; Zalando SE); MIT licence",
    megabytes=31,
)  # fmt: skip
