"""What a weighting may know of the images that it weighs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError


@dataclass(frozen=True)
class Evidence:
    """Facts about n real images of one class; each is None unless it was asked for (``needs_...``).

    Attributes:
        size: n, at least 1.
        groups: Protected-attribute value of each image, int64 (n,) in 0..num_groups - 1.
        num_groups: Groups of the data set, also those that no image here is of; comes with ``groups``.
        embeddings: Bias-encoder embedding of each image, float (n, d), rows of length 1.
        index: Place of each image in the training set, int64 (n,): what tells it from the others at every step.
        cell_sizes: Training images of this class in each group, int64 (num_groups,), whatever the batch holds.

    Example:
        >>> Evidence(size=2, groups=torch.tensor([0, 1]), num_groups=2).embeddings is None
        True
    """

    size: int
    groups: Tensor | None = None
    num_groups: int | None = None
    embeddings: Tensor | None = None
    index: Tensor | None = None
    cell_sizes: Tensor | None = None

    def embeddings_for(self, reader: object) -> Tensor:
        """Return the embeddings for a choice that cannot do without.

        Raises:
            ConfigError: There are none; the line names the reader's class.
        """
        if self.embeddings is None:
            raise ConfigError(
                f"{type(reader).__name__} needs a bias encoder: train one with `fdd fit` and pass it with "
                "--encoder FILE"
            )
        return self.embeddings


class _Asks(Protocol):
    """What says which facts it reads: a weighting."""

    needs_groups: bool
    needs_embeddings: bool
    needs_index: bool
    needs_cell_sizes: bool


def evidence_of(
    index: Tensor, asked: _Asks, real: ImageSet, cells: Tensor, embeddings: Tensor | None = None
) -> Evidence:
    """Return what a weighting may know of some real images of one class: what it asks for, and nothing else.

    Args:
        index: int64 (n,), places in ``real``.
        asked: The weighting.
        real: The training set.
        cells: Its images of each (class, group), int64 (num_classes, num_groups).
        embeddings: Bias-encoder embeddings of all its images, (N, d), where there are any.
    """
    points = embeddings[index] if asked.needs_embeddings and embeddings is not None else None
    device = index.device if points is None else points.device  # all on one: the images may be elsewhere
    return Evidence(
        size=len(index),
        groups=real.groups[index].to(device) if asked.needs_groups else None,
        num_groups=cells.shape[1] if asked.needs_groups else None,
        embeddings=points,
        index=index.to(device) if asked.needs_index else None,
        cell_sizes=cells[int(real.targets[index[0]])].to(device) if asked.needs_cell_sizes else None,
    )


def made_up_evidence(asked: _Asks, size: int) -> Evidence:
    """Return what a weighting asks for of a made-up class; a quarter is a second group that embeddings tell apart."""
    groups = (torch.arange(size) >= size - size // 4).long()
    angles = groups * torch.pi / 2 + torch.linspace(0.0, 0.2, size)
    embeddings = torch.stack([angles.cos(), angles.sin()], 1)
    real = ImageSet(torch.zeros(size, 1, 1, 1, dtype=torch.uint8), torch.zeros_like(groups), groups, (0.0,), (1.0,))
    return evidence_of(torch.arange(size), asked, real, real.cells(1, 2), embeddings)
