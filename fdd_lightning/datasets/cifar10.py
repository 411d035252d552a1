"""CIFAR-10 as torchvision lays it out, or as class folders of image files; which of the two, and reading it.

The two need not hold the same bytes: folders usually hold JPEG files. So a built set's cache is named after what was
read (:func:`source_state`).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.datasets.download import Remote, extract, fetch
from fdd_lightning.datasets.files import image_files, listing, read_images, resized
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""In CIFAR's own order, which is the alphabet's."""

MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2023, 0.1994, 0.2010)
"""What DC, DSA and DM normalise by; the true deviation over all pixels is larger, (0.247, 0.243, 0.262)."""

LICENCE = "CIFAR-10 (A. Krizhevsky, V. Nair, G. Hinton, 2009); published without a stated licence"

SIZE = 32
BATCHES = "cifar-10-batches-py"
FOLDER = "cifar10"
OFFICIAL = "official batches"


def require_cifar10(root: Path) -> None:
    """Check that one of the two layouts is there.

    Raises:
        DatasetNotFoundError: Neither is.
    """
    if not (root / BATCHES).is_dir() and not (root / FOLDER).is_dir():
        raise DatasetNotFoundError(
            f"CIFAR-10 not found in root={str(root)!r} with download=False (neither {BATCHES} nor "
            f"{FOLDER}/{{train,test}}/CLASS/*): set FDD_DATA or pass `root` to the folder that holds one of them, or "
            "pass download=True to fetch it (170 MB)"
        )


def fetch_cifar10(root: Path) -> None:
    """Fetch, verify and unpack the official archive, unless one of the two layouts is there.

    Raises:
        DatasetNotFoundError: It could not be fetched.
        FDDError: The folder cannot be written.
    """
    if (root / BATCHES).is_dir() or (root / FOLDER).is_dir():
        return
    from torchvision.datasets import CIFAR10  # slow to import, needed only to build

    extract(fetch(Remote(CIFAR10.url, CIFAR10.filename, CIFAR10.tgz_md5), root), root)


def source_state(root: Path) -> str:
    """Tell one state of the source from another: the official batches, or which files of which size folders hold.

    Raises:
        DatasetNotFoundError: A class folder is missing or empty.
    """
    if (root / BATCHES).is_dir() or not (root / FOLDER).is_dir():
        return OFFICIAL  # also where they are yet to be fetched
    files = [path for split in ("train", "test") for of_class in class_files(root, split) for path in of_class]
    return listing(root, files)


def class_files(root: Path, split: str) -> list[list[Path]]:
    """List the image files of each class in the layout of folders.

    Raises:
        DatasetNotFoundError: A class folder is missing or empty.
    """
    return [image_files(root / FOLDER / split / name) for name in CLASS_NAMES]


def load_cifar10(root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Read one split: the official batches, or else the folders.

    Args:
        root: The folder that holds ``cifar-10-batches-py`` or ``cifar10``.
        train: The training split, or else the test split.

    Returns:
        Images, uint8, (N, 3, 32, 32), and labels, int64, (N,); of folders, class by class.

    Raises:
        DatasetNotFoundError: Neither is there, or a class folder is missing or empty.
        FileFormatError: A file is damaged.
    """
    require_cifar10(root)
    if (root / BATCHES).is_dir():
        return _load_batches(root, train=train)
    files = class_files(root, "train" if train else "test")
    labels = torch.arange(len(files)).repeat_interleave(torch.tensor([len(of_class) for of_class in files]))
    images = torch.empty(len(labels), 3, SIZE, SIZE, dtype=torch.uint8)
    start = 0
    for chunk in read_images([path for of_class in files for path in of_class], resized(SIZE)):
        images[start : start + len(chunk)] = chunk
        start += len(chunk)
    return images, labels


def _load_batches(root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Read the official batches by torchvision, which compares their MD5 sums before it unpickles anything."""
    from torchvision.datasets import CIFAR10  # slow to import, needed only to build

    try:
        source = CIFAR10(root, train=train)
    except (ValueError, TypeError, KeyError, AssertionError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if "corrupted" in reason:
            reason = "a file is missing, or is not the published one"
        raise FileFormatError(
            f"CIFAR-10 in {str(root / BATCHES)!r} cannot be read ({reason}): delete the folder and fetch it again with "
            "download=True"
        ) from None
    images = torch.from_numpy(source.data).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor(source.targets, dtype=torch.int64)
