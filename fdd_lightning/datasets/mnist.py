"""Reading MNIST as torchvision lays it out, with one clear line where it is missing or damaged."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.errors import DatasetNotFoundError, FileFormatError

RAW = Path("MNIST", "raw")
FILES = {
    True: ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    False: ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
LICENCE = "MNIST (Y. LeCun, C. Cortes, C. J. C. Burges, 1998); published without a stated licence"


def require_mnist(root: Path) -> None:
    """Check that all four files are there.

    Raises:
        DatasetNotFoundError: One is not.
    """
    for name in (name for pair in FILES.values() for name in pair):
        if not (root / RAW / name).is_file():
            raise DatasetNotFoundError(
                f"MNIST not found in root={str(root)!r} with download=False (no {RAW / name}): set FDD_DATA or pass "
                f"`root` to the folder that holds {RAW}, or pass download=True to fetch it (about 12 MB)"
            )


def load_mnist(root: Path, *, train: bool, download: bool = False) -> tuple[Tensor, Tensor]:
    """Read one split.

    Args:
        root: The folder that holds ``MNIST/raw``.
        train: The training split, or else the test split.
        download: Fetch and verify the files if they are missing.

    Returns:
        Images, uint8, (N, 28, 28), and labels, int64, (N,).

    Raises:
        DatasetNotFoundError: The files are missing, or could not be fetched.
        FileFormatError: They are there but damaged.
    """
    from torchvision.datasets import MNIST  # slow to import, needed only to build

    if not download:
        require_mnist(root)
    try:
        source = MNIST(root, train=train, download=download)
    except (ValueError, TypeError, AssertionError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if download:
            raise DatasetNotFoundError(
                f"MNIST could not be fetched to {str(root)!r} ({reason}): put the four files into {root / RAW} by hand"
            ) from None
        raise FileFormatError(
            f"MNIST in {str(root / RAW)!r} cannot be read ({reason}): delete its files and fetch them again with "
            "download=True"
        ) from None
    images, labels = source.data, source.targets.to(torch.int64)
    if len(images) != len(labels) or images.ndim != 3:
        raise FileFormatError(
            f"MNIST in {str(root / RAW)!r} has {len(images)} images and {len(labels)} labels: fetch it anew"
        )
    return images, labels
