"""What a weighting may know of the images that it weighs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.devices import moved


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


@dataclass(frozen=True)
class Gallery:
    """A training set as a whole, for what looks at more than a class batch.

    Attributes:
        real: The real training set.
        num_classes: Number of classes.
        seed: The run's seed.
        device: Where to compute.
        embeddings: Bias-encoder embeddings of all images, (N, d); None unless the extractor asks for them.
        fingerprint: Names exactly these images, for the cache; empty where nothing is to be kept.
        sources: What each image was made from, int64 (N,), where that is known.
        backbone: Returns the bias encoder's feature before its head of all images, (N, d), where there is an encoder.

    Example:
        >>> made_up_gallery(8).real.members(1)
        tensor([ 8,  9, 10, 11, 12, 13, 14, 15])
    """

    real: ImageSet
    num_classes: int
    seed: int
    device: torch.device
    embeddings: Tensor | None = None
    fingerprint: str = ""
    sources: Tensor | None = None
    backbone: Callable[[], Tensor] | None = None
    _kept: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def computed_once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """Return what several choices compute of all images, by its name: computed by the first that asks."""
        if name not in self._kept:
            self._kept[name] = compute()
        return self._kept[name]


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
    points = embeddings[moved(index, embeddings.device)] if asked.needs_embeddings and embeddings is not None else None
    device = index.device if points is None else points.device  # all on one: the images may be elsewhere
    return Evidence(
        size=len(index),
        groups=moved(real.groups[index], device) if asked.needs_groups else None,
        num_groups=cells.shape[1] if asked.needs_groups else None,
        embeddings=points,
        index=moved(index, device) if asked.needs_index else None,
        cell_sizes=cells[int(real.targets[index[0]])].to(device) if asked.needs_cell_sizes else None,
    )


def made_up_gallery(size: int) -> Gallery:
    """Return a made-up training set: two classes, each mostly of its own group, which pixels and embeddings tell apart.

    Args:
        size: Images of each class; an eighth of them are of the other's group.
    """
    targets = torch.arange(2).repeat_interleave(size)
    rare = (torch.arange(2 * size) % size >= size - size // 8).long()
    groups = torch.where(rare > 0, 1 - targets, targets)
    angles = groups * torch.pi / 2 + torch.linspace(0.0, 0.2, 2 * size)
    pixels = (200 * groups)[:, None, None, None] + torch.arange(2 * size)[:, None, None, None] % 50
    real = ImageSet(pixels.byte().expand(-1, 3, 8, 8), targets, groups, (0.5,) * 3, (0.5,) * 3)
    return Gallery(real, 2, seed=0, device=torch.device("cpu"), embeddings=torch.stack([angles.cos(), angles.sin()], 1))
