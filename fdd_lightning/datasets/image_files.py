"""Sources that are folders of image files: what lies there, and reading it in chunks of bytes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fdd_lightning.datasets.image_decoding import UnreadableImageError, decoded, suffixes, undisturbed
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError, shown
from fdd_lightning.utils.contents import content_hashes
from fdd_lightning.utils.files import fingerprint

OF_THE_SYSTEM = frozenset(
    {"@eadir", "@recently-snapshot", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "__macosx", "lost+found",
     "system volume information", "desktop.ini", "thumbs.db"}
)  # fmt: skip
"""What network drives and other systems leave in folders: thumbnails, deleted files, notes; in lower case."""

CHUNK = 1024
MOST_NAMED = 10
"""Unreadable images that one line names."""


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is none of the user's: hidden, or left there by a system."""
    return name.startswith(".") or name.lower() in OF_THE_SYSTEM


def image_files(folder: Path, others: Counter[str] | None = None) -> list[Path]:
    """List the image files below a folder, sorted by their path; hidden ones are left out.

    Subfolders are looked into, linked ones too, each once however many ways lead there.

    Args:
        folder: The folder.
        others: Counts what is left out, by ending (see :func:`told_left_out`).

    Raises:
        DatasetNotFoundError: The folder does not exist, or holds no image.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(f"image folder {str(folder)!r} does not exist: put the images there")
    known, paths = suffixes(), []
    left_out: Counter[str] = Counter() if others is None else others
    for path in _files(folder):
        ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 (10x faster)
        if ending in known:
            paths.append(Path(path))
        else:
            left_out[ending] += 1
    if not paths:
        instead = f", but {_kinds(left_out)}" if others is None and left_out else ""
        raise DatasetNotFoundError(
            f"image folder {str(folder)!r} holds no image (.jpg, .png or what else Pillow reads){instead}: put the "
            "images there"
        )
    return sorted(paths)


def told_left_out(others: Counter[str]) -> list[str]:
    """Return a line that counts what :func:`image_files` left out, if there is any."""
    if not others:
        return []
    files = "1 file" if others.total() == 1 else f"{others.total():,} files"
    return [f"{files} left out whose ending is of no image that can be read ({_kinds(others)})"]


def _kinds(others: Counter[str]) -> str:
    """Sum up endings, the most common ones first."""
    kinds = sorted(others.items(), key=lambda kind: (-kind[1], kind[0]))
    named = [f"{count:,} {ending or 'without an ending'}" for ending, count in kinds[:5]]
    return shown(", ".join([*named, "..."] if len(kinds) > 5 else named))


def _files(folder: Path) -> Iterator[str]:
    """Yield the files below a folder that are not hidden.

    A folder that is there and linked too is taken where it is; a link that leads out and around is not followed.
    """
    whole = folder.resolve()
    seen: set[tuple[int, int]] = set()
    folders, links = [str(folder)], list[str]()
    while folders or links:
        here = folders.pop() if folders else links.pop(links.index(min(links)))
        status = os.stat(here)  # noqa: PTH116 (10x faster)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(here) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if not entry.is_dir():
                    yield entry.path
                elif not entry.is_symlink():
                    folders.append(entry.path)
                elif not whole.is_relative_to(Path(entry.path).resolve()):
                    links.append(entry.path)


def listing(root: Path, files: Iterable[Path]) -> str:
    """Sum up a source's files: SHA-256 over paths (relative to ``root``) and contents, in the given order."""
    start, files = len(str(root)) + 1, list(files)
    return fingerprint([(str(path)[start:], value) for path, value in zip(files, content_hashes(files), strict=True)])


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


def read_images(
    files: Sequence[Path],
    prepare: Callable[[Image.Image], Image.Image],
    beside: Sequence[Path] = (),
    hint: str = "",
) -> Iterator[Tensor]:
    """Read image files in order, several at a time, as RGB that ``prepare`` makes the size wanted; constant memory.

    Args:
        files: The files.
        prepare: Makes an image the size wanted.
        beside: Other files of the set: if one cannot be read, these are tried too, so that all are named at once.
        hint: Another thing to do about files that are damaged, as the end of a sentence.

    Yields:
        uint8, (n, 3, H, W), n at most 1,024.

    Raises:
        FileFormatError: A file cannot be read, or several; one line names all.
    """

    def read(path: Path) -> np.ndarray | UnreadableImageError:
        try:
            return np.asarray(prepare(decoded(path)))
        except UnreadableImageError as error:
            return error

    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter's lock
        for start in range(0, len(files), CHUNK):
            with undisturbed():
                results = list(pool.map(read, files[start : start + CHUNK]))
            images = [result for result in results if isinstance(result, np.ndarray)]
            if len(images) < len(results):
                errors = [result for result in results if isinstance(result, UnreadableImageError)]
                raise _all_at_once([*errors, *unreadable([*files[start + CHUNK :], *beside])], hint)
            yield torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def unreadable(files: Sequence[Path]) -> list[UnreadableImageError]:
    """Try to read files, and return what is wrong with each that cannot be read, in their order."""

    def problem(path: Path) -> UnreadableImageError | None:
        try:
            decoded(path)
        except UnreadableImageError as error:
            return error
        return None

    with ThreadPoolExecutor() as pool, undisturbed():
        return [error for error in pool.map(problem, files) if error is not None]


def _all_at_once(errors: Sequence[UnreadableImageError], hint: str) -> FileFormatError:
    """Return one error that names all files; of a single one its own."""
    hint = hint if any(error.damaged for error in errors) else ""
    if len(errors) == 1:
        return FileFormatError(f"{errors[0]}{hint}")
    named: dict[str, list[str]] = {}
    for error in errors[:MOST_NAMED]:
        named.setdefault(error.reason, []).append(repr(str(error.path)))
    causes = "; ".join(f"{', '.join(paths)} ({reason})" for reason, paths in named.items())
    more = f"; and {len(errors) - MOST_NAMED:,} more" if len(errors) > MOST_NAMED else ""
    return FileFormatError(
        f"{len(errors):,} images cannot be read: {causes}{more}: replace the files, or take them out of the data set"
        f"{hint}"
    )
