"""Sources that are folders of image files: what lies there, and reading it in chunks of bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from fdd_lightning.utils.files import fingerprint

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""What counts as an image file, in lower case."""

CHUNK = 1024


def image_files(folder: Path) -> list[Path]:
    """List the image files below a folder, subfolders included, sorted by their path; hidden ones are left out.

    Raises:
        DatasetNotFoundError: The folder does not exist, or holds no image.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(f"image folder {str(folder)!r} does not exist: put the images there")
    paths = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [
            Path(where, name)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 (10x faster)
        ]
    if not paths:
        raise DatasetNotFoundError(
            f"image folder {str(folder)!r} holds no image ({', '.join(sorted(SUFFIXES))}): put the images there"
        )
    return sorted(paths)


def listing(root: Path, files: Iterable[Path]) -> str:
    """Sum up which files a source has: SHA-256 over paths (relative to ``root``) and sizes, in the given order.

    Images are not read: a file replaced by another of the same name and size goes unnoticed.
    """
    start = len(str(root)) + 1
    return fingerprint([(str(path)[start:], path.stat().st_size) for path in files])


def read_image(path: Path) -> Image.Image:
    """Read an image file as RGB.

    Raises:
        FileFormatError: It is missing, cut short, no image or deeper than 8 bits per channel; the line names it.
    """
    try:
        with Image.open(path) as image:
            deep = image.mode.startswith(("I", "F"))
            read = image.convert("RGB")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else "cut short, or no image"
        raise FileFormatError(
            f"image {str(path)!r} cannot be read ({reason}): replace the file, or take it out of the data set"
        ) from None
    if deep:  # RGB has 8 bits: all that is brighter would become white
        raise FileFormatError(
            f"image {str(path)!r} has more than 8 bits per channel: convert it to 8 bits, with a range that suits it"
        )
    return read


def resized(size: int) -> Callable[[Image.Image], Image.Image]:
    """Return a function that makes an image ``size`` x ``size``: its centre square cut out and resized (bilinear)."""

    def resize(image: Image.Image) -> Image.Image:
        if image.size == (size, size):
            return image
        width, height = image.size
        side = min(width, height)
        left, top = round((width - side) / 2), round((height - side) / 2)
        # Cut first, as torchvision's CenterCrop and Resize do: with the `box` of `resize` what is outside bleeds in.
        square = image.crop((left, top, left + side, top + side))
        return square.resize((size, size), Image.Resampling.BILINEAR)

    return resize


def read_images(files: Sequence[Path], prepare: Callable[[Image.Image], Image.Image]) -> Iterator[Tensor]:
    """Read image files in order, several at a time, as RGB that ``prepare`` makes the size wanted; constant memory.

    Yields:
        uint8, (n, 3, H, W), n at most 1,024.

    Raises:
        FileFormatError: A file cannot be read.
    """

    def read(path: Path) -> np.ndarray:
        return np.asarray(prepare(read_image(path)))

    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter's lock
        for start in range(0, len(files), CHUNK):
            images = list(pool.map(read, files[start : start + CHUNK]))
            yield torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
