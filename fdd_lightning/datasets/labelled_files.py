"""Image files that carry their labels: named by class and group before any of them is read.

For sets whose bias is natural: nothing is assigned here, images are only chosen, so that cells become equally large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor

from fdd_lightning.datasets.assignment import drawn
from fdd_lightning.datasets.image_files import read_images
from fdd_lightning.datasets.image_set import Split, count_cells
from fdd_lightning.errors import FileFormatError

BEYOND = "training images beyond the smallest cell"
"""Why images are left out of a balanced training split, as manifests say it."""


@dataclass(frozen=True)
class LabelledFiles:
    """Image files with a class and a group each.

    Attributes:
        files: The files.
        targets: int64, (N,), classes from 0.
        groups: int64, (N,), values of the protected attribute from 0.

    Example:
        >>> pair = LabelledFiles([Path("a.png"), Path("b.png")], torch.tensor([0, 1]), torch.tensor([0, 0]))
        >>> [path.name for path in pair.subset(torch.tensor([1])).files]
        ['b.png']
    """

    files: Sequence[Path]
    targets: Tensor
    groups: Tensor

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.files)

    def subset(self, index: Tensor) -> LabelledFiles:
        """Return the files at the places given, int64, (n,)."""
        return LabelledFiles([self.files[i] for i in index.tolist()], self.targets[index], self.groups[index])

    def split(
        self,
        prepare: Callable[[Image.Image], Image.Image],
        left_out: Mapping[str, int] | None = None,
        beside: Sequence[Path] = (),
        hint: str = "",
    ) -> Split:
        """Return the split; files are read, and prepared, when it is written, a chunk at a time.

        What is ``beside`` it, and a ``hint``, are for the error of files that cannot be read, see
        :func:`~fdd_lightning.datasets.image_files.read_images`.
        """
        return Split(read_images(self.files, prepare, beside, hint), self.targets, self.groups, left_out or {})


def draw_per_cell(
    targets: Tensor, groups: Tensor, count: int, generator: Generator, bound: Tensor | None = None
) -> Tensor:
    """Draw so many images of every (class, group) cell, all of a smaller one: their places, int64, sorted.

    What is ``bound`` is not parted, as in :func:`~fdd_lightning.datasets.assignment.drawn`.
    """
    cells = _cells(targets, groups)
    return drawn(cells, torch.full_like(torch.bincount(cells), count), generator, bound)


def smallest_cell(labelled: LabelledFiles) -> int:
    """Return the size of the smallest (class, group) cell that is not empty."""
    sizes = torch.bincount(_cells(labelled.targets, labelled.groups))
    return int(sizes[sizes > 0].min())


def require_filled(
    labelled: LabelledFiles,
    where: str,
    class_names: Sequence[str],
    group_names: Sequence[str],
    way_out: str = "add images",
) -> None:
    """Check that every class has images, and that there are at least two groups.

    Raises:
        FileFormatError: A class is empty (the line says the ``way_out``), or all images are of one group.
    """
    require_classes(labelled, where, class_names, way_out)
    counts = count_cells(labelled.targets, labelled.groups, len(class_names), len(group_names))
    filled = (counts.sum(0) > 0).nonzero().flatten().tolist()
    if len(filled) == 1:
        raise FileFormatError(
            f"{where} holds images of one group only ({group_names[filled[0]]!r}): add others, or name another group"
        )


def require_classes(
    labelled: LabelledFiles, where: str, class_names: Sequence[str], way_out: str = "add images"
) -> None:
    """Check that every class has images.

    Raises:
        FileFormatError: One has none; the line says the ``way_out``.
    """
    counts = torch.bincount(labelled.targets, minlength=len(class_names))
    for target in (counts == 0).nonzero().flatten().tolist():
        raise FileFormatError(f"{where} holds no image of the class {class_names[target]!r}: {way_out}")


def product_names(factors: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Name the values of several attributes together, the last one changing fastest: ``White, male``."""
    return tuple(", ".join(names) for names in product(*factors))


def product_values(factors: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """Number the values of several attributes together, in the order of :func:`product_names`.

    Args:
        factors: int64, (N,) each, values from 0.
        sizes: How many values each has.

    Returns:
        int64, (N,).
    """
    return torch.from_numpy(np.ravel_multi_index([factor.numpy() for factor in factors], sizes))


def _cells(targets: Tensor, groups: Tensor) -> Tensor:
    """Number the (class, group) cells."""
    return targets * (int(groups.max()) + 1 if len(groups) else 1) + groups
