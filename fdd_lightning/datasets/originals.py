"""The published sets that biased ones are built from: MNIST, Fashion-MNIST and CIFAR-10, as torchvision has them."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datasets.downloads import at_most
from fdd_lightning.datasets.image_files import image_files, listing, read_images, resized, told_left_out
from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.utils.contents import content_hashes
from fdd_lightning.utils.files import fingerprint
from fdd_lightning.utils.locks import locked

IDX_FILES = tuple(f"{split}-{part}-ubyte" for split in ("train", "t10k") for part in ("images-idx3", "labels-idx1"))
"""The files of MNIST and Fashion-MNIST: 28x28 grey images and labels."""


@dataclass(frozen=True)
class Original:
    """A published set, MNIST or Fashion-MNIST: where its files lie below a root, and how they are read.

    Attributes:
        name: Name in print.
        kind: Name of torchvision's class, which knows addresses and checksums.
        class_names: Names of the classes.
        licence: One line about the images.
        megabytes: Size of the download.
        folder: Folder of the published files, below the root.
        hashes: SHA-256 of the files of :data:`IDX_FILES`, as published.

    Example:
        >>> MNIST.lacking(Path("nowhere"))
        'no MNIST/raw/train-images-idx3-ubyte'
    """

    name: str
    kind: str
    class_names: tuple[str, ...]
    licence: str
    megabytes: int
    folder: Path
    hashes: tuple[str, ...] = ()

    def lacking(self, root: Path) -> str | None:
        """Say what is not there; None if all is."""
        names = (self.folder / name for name in IDX_FILES)
        lost = next((name for name in names if not (root / name).is_file()), None)
        return None if lost is None else f"no {lost}{_nearly(root / lost)}"

    def state(self, root: Path) -> str | None:
        """Tell changed files from the published ones, for which it is None, as where there are none."""
        found = content_hashes([root / self.folder / name for name in IDX_FILES])
        return None if None in found or tuple(found) == self.hashes else fingerprint(found)

    def require(self, root: Path) -> None:
        """Check that the files are there.

        Raises:
            DatasetNotFoundError: One is not.
        """
        lacking = self.lacking(root)
        if lacking is not None:
            raise DatasetNotFoundError(
                f"{self.name} not found in root={str(root)!r} with download=False ({lacking}): set FDD_DATA or pass "
                f"`root` to the folder that holds {self.folder}, or pass download=True to fetch it (about "
                f"{self.megabytes} MB)"
            )

    def fetch(self, root: Path) -> None:
        """Fetch and verify what is missing; of two processes the second waits for the first.

        Raises:
            DatasetNotFoundError: It could not be fetched.
        """
        if self.lacking(root) is None:
            return
        try:
            root.mkdir(parents=True, exist_ok=True)
            with locked(root / f".{self.kind}.lock"), at_most(self.megabytes << 20):
                self._torchvision(root, download=True)
        except (OSError, RuntimeError, EOFError) as error:
            raise DatasetNotFoundError(
                f"{self.name} could not be fetched to {str(root / self.folder)!r} ({_reason(error)}): run the same "
                "command again, or put the files there by hand"
            ) from None

    def load(self, root: Path, *, train: bool, download: bool = False) -> tuple[Tensor, Tensor]:
        """Read one split.

        Args:
            root: The folder that holds :attr:`folder`.
            train: The training split, or else the test split.
            download: Fetch and verify the files if they are missing.

        Returns:
            Images, uint8, (N, H, W) if grey, (N, 3, H, W) if not, and labels, int64, (N,).

        Raises:
            DatasetNotFoundError: The files are missing, or could not be fetched.
            FileFormatError: They are there but damaged.
        """
        if download:
            self.fetch(root)
        self.require(root)
        return self._read(root, train)

    def _read(self, root: Path, train: bool) -> tuple[Tensor, Tensor]:
        where = f"{self.name} in {str(root / self.folder)!r}"
        try:
            published = self._torchvision(root, train=train)
        except FDDError:
            raise
        except (ValueError, TypeError, KeyError, AssertionError, RuntimeError, OSError) as error:
            reason = _reason(error)
            if "corrupted" in reason:
                reason = "a file is missing, or is not the published one"
            raise FileFormatError(
                f"{where} cannot be read ({reason}): delete the folder and fetch it again with download=True"
            ) from None
        images, labels = torch.as_tensor(published.data), torch.as_tensor(published.targets, dtype=torch.int64)
        if len(images) != len(labels) or images.ndim < 3:
            raise FileFormatError(f"{where} has {len(images)} images and {len(labels)} labels: fetch it anew")
        return images if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous(), labels

    def _torchvision(self, root: Path, **arguments: bool) -> Any:
        from torchvision import datasets  # slow to import, needed only to build

        return getattr(datasets, self.kind)(root, **arguments)


def _nearly(file: Path) -> str:
    """Return what lies in the place of a missing file, still packed or named otherwise, as part of a sentence."""
    for name in (f"{file.name}.gz", file.name.replace("-idx", ".idx"), f"{file.name.replace('-idx', '.idx')}.gz"):
        if file.with_name(name).is_file():
            do = f"unpack it (gunzip {name})" if name.endswith(".gz") else f"rename it to {file.name}"
            return f", but {name}: {do}"
    return ""


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class CIFAR10Original(Original):
    """CIFAR-10 as published or, where that is missing, as class folders ``cifar10/{train,test}/CLASS`` of image files.

    The two need not hold the same bytes: folders usually hold JPEG files. So :meth:`state` tells which was read.

    Example:
        >>> CIFAR10.state(Path("nowhere"))
        'official batches'
    """

    FOLDER = "cifar10"
    SIZE = 32

    def lacking(self, root: Path) -> str | None:
        """Say that neither layout is there."""
        there = (root / self.folder).is_dir() or (root / self.FOLDER).is_dir()
        if there:
            return None
        packed = root / "cifar-10-python.tar.gz"
        unpack = f", but {packed.name}: unpack it there" if packed.is_file() else ""
        return f"neither {self.folder} nor {self.FOLDER}/{{train,test}}/CLASS/*{unpack}"

    def state(self, root: Path) -> str:
        """Name the official batches, or hash the names and contents of the image files.

        Raises:
            DatasetNotFoundError: A class folder is missing or empty.
        """
        if (root / self.folder).is_dir() or not (root / self.FOLDER).is_dir():
            return "official batches"  # also where they are yet to be fetched
        splits = [self._class_files(root, split) for split in ("train", "test")]
        return listing(root, [path for classes in splits for members in classes for path in members])

    def _class_files(self, root: Path, split: str, others: Counter[str] | None = None) -> list[list[Path]]:
        folder = root / self.FOLDER / split
        return [image_files(folder / name, others) for name in self.class_names]

    def _read(self, root: Path, train: bool) -> tuple[Tensor, Tensor]:
        if (root / self.folder).is_dir():
            return super()._read(root, train)  # compares MD5 sums before it unpickles anything
        others: Counter[str] = Counter()
        classes = self._class_files(root, split := "train" if train else "test", others)
        sys.stderr.write("".join(f"{self.name} ({split}): {line}\n" for line in told_left_out(others)))
        labels = torch.arange(len(classes)).repeat_interleave(torch.tensor([len(members) for members in classes]))
        chunks = read_images([path for members in classes for path in members], resized(self.SIZE))
        return torch.cat(list(chunks)), labels


MNIST = Original(
    name="MNIST",
    kind="MNIST",
    class_names=tuple(str(digit) for digit in range(10)),
    licence="MNIST (Y. LeCun, C. Cortes, C. J. C. Burges, 1998); published without a stated licence",
    megabytes=12,
    folder=Path("MNIST", "raw"),
    hashes=(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)

FASHION_MNIST = Original(
    name="FashionMNIST",
    kind="FashionMNIST",
    class_names=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    licence="Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, 2017; Zalando SE); MIT licence",
    megabytes=31,
    folder=Path("FashionMNIST", "raw"),
    hashes=(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)  # fmt: skip

CIFAR10 = CIFAR10Original(
    name="CIFAR-10",
    kind="CIFAR10",
    class_names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    licence="CIFAR-10 (A. Krizhevsky, V. Nair, G. Hinton, 2009); published without a stated licence",
    megabytes=170,
    folder=Path("cifar-10-batches-py"),
)
