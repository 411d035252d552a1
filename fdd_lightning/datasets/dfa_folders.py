"""The folders in which DFA, SelecMix and others hand out biased sets (kakaoenterprise/Learning-Debiased-Disentangled).

``SET/{0.5pct,1pct,2pct,5pct}/{align,conflict}/CLASS/FILE`` for training and ``SET/test/`` for the test, with or without
class folders; ``valid`` is not used. A file's name ends in ``_CLASS_GROUP`` before the suffix, and that is what counts.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image

from fdd_lightning.datasets.image_files import image_files, is_hidden, listing, resized, told_left_out
from fdd_lightning.datasets.labelled_files import LabelledFiles, require_filled
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError

WEBSITE = "https://github.com/kakaoenterprise/Learning-Debiased-Disentangled"
"""Links to the sets; they lie where no programme can fetch them."""

LABELS = re.compile(r"_(\d+)_(\d+)$")


def dfa_parts(folder: Path, conflict_ratio: float) -> tuple[Path, Path, Path]:
    """Return the folders of the aligned and of the conflicting training images, and that of the test images."""
    share = folder / f"{100 * conflict_ratio:g}pct"
    return share / "align", share / "conflict", folder / "test"


def require_dfa(name: str, folder: Path, conflict_ratio: float, way_out: str) -> None:
    """Check that the folders of a share are there.

    Raises:
        DatasetNotFoundError: One is not; the line begins with ``name`` and ends with ``way_out``.
    """
    parts = dfa_parts(folder, conflict_ratio)
    lacking = [str(part.relative_to(folder)) for part in parts if not part.is_dir()]
    if lacking:
        shares = sorted(path.parent.name for path in folder.glob("*pct/align"))
        has = f" (it has {', '.join(shares)})" if shares else ""
        raise DatasetNotFoundError(f"{name}: {str(folder)!r} lacks {', '.join(lacking)}{has}: {way_out}")


def dfa_paths(folder: Path, conflict_ratio: float, others: Counter[str] | None = None) -> tuple[list[Path], list[Path]]:
    """List the training and the test images, each part sorted; ``others`` counts what is left out, by ending.

    Raises:
        DatasetNotFoundError: A folder, or a class folder in it, holds no image.
    """
    parts = []
    for part in dfa_parts(folder, conflict_ratio):
        parts.append(image_files(part, others))
        filled = {path.parent for path in parts[-1]}
        for inner in part.iterdir():
            if inner.is_dir() and not is_hidden(inner.name) and inner not in filled:
                image_files(inner)  # an empty class folder is an unpacking cut short
    aligned, conflicting, test = parts
    return aligned + conflicting, test


def dfa_state(folder: Path, conflict_ratio: float) -> str:
    """Return a hash of the images' names and contents."""
    train, test = dfa_paths(folder, conflict_ratio)
    return listing(folder, [*train, *test])


def dfa_files(
    name: str, folder: Path, conflict_ratio: float, class_names: Sequence[str], group_names: Sequence[str]
) -> dict[str, LabelledFiles]:
    """Read which images a share has, by split: ``train`` and ``test``, aligned training images first.

    Raises:
        DatasetNotFoundError: A folder holds no image.
        FileFormatError: A name says no labels, or a class or all groups but one are empty.
    """
    sets = {}
    others: Counter[str] = Counter()
    parts = dfa_paths(folder, conflict_ratio, others)
    sys.stderr.write("".join(f"{name}: {line}\n" for line in told_left_out(others)))
    for split, files in zip(("train", "test"), parts, strict=True):
        sets[split] = labelled(name, files, len(class_names), len(group_names))
        require_filled(sets[split], f"{name}: {split} of {str(folder)!r}", class_names, group_names)
    return sets


def labelled(name: str, files: Sequence[Path], num_classes: int, num_groups: int) -> LabelledFiles:
    """Read classes and groups off the names of image files, ``..._CLASS_GROUP.SUFFIX``.

    Raises:
        FileFormatError: A name says no labels, or one outside the range; the line names the file.
    """
    labels = []
    for path in files:
        match = LABELS.search(path.stem)
        if match is None:
            raise FileFormatError(
                f"{name}: the name of {str(path)!r} does not end in _CLASS_GROUP{path.suffix}: rename the file, or "
                "take it out"
            )
        target, group = int(match[1]), int(match[2])
        if target >= num_classes or group >= num_groups:
            raise FileFormatError(
                f"{name}: the name of {str(path)!r} says class {target} and group {group}, outside "
                f"0..{num_classes - 1} and 0..{num_groups - 1}: rename the file, or take it out"
            )
        labels.append((target, group))
    targets, groups = torch.tensor(labels, dtype=torch.int64).view(-1, 2).T.contiguous()
    return LabelledFiles(files, targets, groups)


def padded(size: int) -> Callable[[Image.Image], Image.Image]:
    """Return a function that makes an image ``size`` x ``size``: smaller ones stand in black, others are resized."""
    resize = resized(size)

    def pad(image: Image.Image) -> Image.Image:
        width, height = image.size
        if max(width, height) > size:
            return resize(image)
        canvas = Image.new(image.mode, (size, size))
        canvas.paste(image, ((size - width) // 2, (size - height) // 2))
        return canvas

    return pad
