"""Images with target and group: a split as it is built, and a set held as bytes and normalised batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.devices import moved

PIECE = 4096
"""Images of a subset that are copied to a device at a time."""


@dataclass(frozen=True)
class Split:
    """Images of one split with their class and group.

    Attributes:
        images: uint8, (N, C, H, W); or an iterable of such chunks, in order, for sets that do not fit into memory.
        targets: int64, (N,), classes from 0.
        groups: int64, (N,), values of the protected attribute from 0.
        left_out: How many source images were not used, by reason, where that is worth telling; goes to the manifest.

    Example:
        >>> chunks = (torch.zeros(2, 3, 8, 8, dtype=torch.uint8) for _ in range(2))
        >>> Split(chunks, targets=torch.tensor([0, 0, 1, 1]), groups=torch.tensor([0, 1, 0, 1])).left_out
        {}
    """

    images: Tensor | Iterable[Tensor]
    targets: Tensor
    groups: Tensor
    left_out: Mapping[str, int] = field(default_factory=dict)


def normalise(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Turn bytes into what networks see: ``(pixels / 255 - mean) / std``.

    Args:
        pixels: uint8, (N, C, H, W).
        mean: Per channel, on the 0..1 scale.
        std: Per channel, on the 0..1 scale.

    Returns:
        float32, (N, C, H, W).
    """
    center, scale = (_constant(tuple(values), pixels.device) for values in (mean, std))
    return pixels.to(torch.float32).div_(255).sub_(center).div_(scale)


class ImageSet(Dataset[dict[str, Tensor]]):
    """A set of images with a class and a group each.

    The bytes may be memory-mapped: only what a batch touches is read, so a set larger than memory can be used.

    Args:
        images: uint8, (N, C, H, W).
        targets: int64, (N,), classes.
        groups: int64, (N,), values of the protected attribute.
        mean: Per channel, on the 0..1 scale; what :meth:`batch` normalises with.
        std: Per channel, on the 0..1 scale.

    Raises:
        ConfigError: The tensors do not fit together.

    Example:
        >>> classes, groups = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
        >>> data = ImageSet(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), classes, groups, (0.5,) * 3, (0.5,) * 3)
        >>> data.members(1), data.members(1, group=1)
        (tensor([2, 3]), tensor([3]))
    """

    def __init__(
        self, images: Tensor, targets: Tensor, groups: Tensor, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ConfigError(f"images must be uint8 of shape (N, C, H, W), not {images.dtype} {tuple(images.shape)}")
        if not len(images) == len(targets) == len(groups):
            raise ConfigError(
                f"{len(images)} images, {len(targets)} targets and {len(groups)} groups do not fit together"
            )
        if not len(mean) == len(std) == images.shape[1]:
            raise ConfigError(f"mean and std need one value for each of {images.shape[1]} channels: {mean}, {std}")
        self._pixels = images
        self._rows: Tensor | None = None  # of a subset: which images of _pixels are meant
        self.targets = targets
        self.groups = groups
        self.mean = tuple(mean)
        self.std = tuple(std)

    @property
    def images(self) -> Tensor:
        """All images as bytes, uint8, (N, C, H, W); of a :meth:`subset` this is a copy in memory."""
        return self._pixels if self._rows is None else _take(self._pixels, self._rows)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of an image, (C, H, W)."""
        channels, height, width = self._pixels.shape[1:]
        return channels, height, width

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.targets)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return one sample: ``image`` float32 (C, H, W), and ``target``, ``group``, ``index`` as int64 scalars."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is outside a set of {len(self)} images")
        batch = self.batch(torch.tensor([index % len(self)]))
        return {key: value[0] for key, value in batch.items()}

    def pixels(self, index: Tensor) -> Tensor:
        """Return images as bytes.

        Args:
            index: int64, (n,), places in this set.

        Returns:
            uint8, (n, C, H, W).
        """
        index = moved(index, self._pixels.device)
        return _take(self._pixels, index if self._rows is None else self._rows[index])

    def batch(self, index: Tensor) -> dict[str, Tensor]:
        """Return a batch, read in one go.

        Args:
            index: int64, (n,), places in this set, in any order, repeated or not.

        Returns:
            ``image`` float32 normalised (n, C, H, W); ``target``, ``group``, ``index`` int64 (n,). On the set's device.
        """
        index = index.to(self.targets.device)
        image = normalise(self.pixels(index), self.mean, self.std)
        labels = {"target": self.targets[index], "group": self.groups[index], "index": index}
        return {"image": image, **{key: moved(value, image.device) for key, value in labels.items()}}

    @cached_property
    def _by_target(self) -> tuple[Tensor, Tensor]:
        return _segments(self.targets)

    @cached_property
    def _by_cell(self) -> tuple[int, Tensor, Tensor]:
        num_groups = int(self.groups.max()) + 1 if len(self) else 1
        return num_groups, *_segments(self.targets * num_groups + self.groups)

    def members(self, target: int, group: int | None = None) -> Tensor:
        """Return the places of a class, or of one cell of it, in increasing order; empty if there are none.

        Args:
            target: The class.
            group: The group; all of them if not given.

        Returns:
            int64, (n,); a view that must not be changed.
        """
        if group is None:
            return _segment(target, *self._by_target)
        num_groups, order, ends = self._by_cell
        if not 0 <= group < num_groups:
            return order[:0]
        return _segment(target * num_groups + group, order, ends)

    def cells(self, num_classes: int, num_groups: int) -> Tensor:
        """Count the images of each (class, group) cell: int64, (num_classes, num_groups)."""
        return count_cells(self.targets, self.groups, num_classes, num_groups)

    def subset(self, index: Tensor) -> ImageSet:
        """Return the chosen images as a set of their own (numbered from 0); the bytes are shared, not copied."""
        index = index.to(self.targets.device)
        subset = ImageSet(self._pixels[:0], self.targets[:0], self.groups[:0], self.mean, self.std)
        subset._pixels, subset.targets, subset.groups = self._pixels, self.targets[index], self.groups[index]
        subset._rows = index if self._rows is None else self._rows[index]
        return subset

    def without_groups(self) -> ImageSet:
        """Return the same images, all of group 0: for what must not know the groups."""
        return self.with_groups(torch.zeros_like(self.groups))

    def with_groups(self, groups: Tensor) -> ImageSet:
        """Return the same images with other groups, int64 (N,); the bytes are shared."""
        other = ImageSet(self._pixels[:0], self.targets[:0], self.groups[:0], self.mean, self.std)
        other._pixels, other._rows, other.targets, other.groups = self._pixels, self._rows, self.targets, groups
        return other

    def pixels_to(self, device: torch.device) -> ImageSet:
        """Return the set with its pixels on a device, where batches are made, and with labels on the host.

        What draws and weighs by labels then waits for no device.
        """
        if device.type == "cpu":
            return self
        moved = self.to(device)
        moved.targets, moved.groups = self.targets, self.groups
        return moved

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the set resident on a device, as bytes; batches are then made there."""
        if self._rows is None:
            pixels = self._pixels.to(device)
        else:  # piece by piece: the chosen images are not gathered in the host's memory as well
            pixels = torch.empty((len(self), *self.image_shape), dtype=torch.uint8, device=device)
            for part, rows in zip(pixels.split(PIECE), self._rows.split(PIECE), strict=True):
                part.copy_(_take(self._pixels, rows))
        return ImageSet(pixels, self.targets.to(device), self.groups.to(device), self.mean, self.std)


def count_cells(targets: Tensor, groups: Tensor, num_classes: int, num_groups: int) -> Tensor:
    """Count (class, group) cells: int64, (num_classes, num_groups)."""
    keys = targets * num_groups + groups
    return torch.bincount(keys, minlength=num_classes * num_groups).view(num_classes, num_groups)


@cache
def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1)


def _take(pixels: Tensor, rows: Tensor) -> Tensor:
    """Copy whole images, which is several times as fast as indexing: that looks up every byte.

    In the host's memory by one thread: the memory sets the pace, and on a busy machine several threads lose more by
    waiting for each other than they gain.
    """
    if pixels.device.type == "cpu" and pixels.is_contiguous():
        return torch.from_numpy(pixels.numpy().take(rows.numpy(), axis=0))
    return pixels.index_select(0, rows)


def _segments(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Sort places by key once; key k owns ``order[ends[k - 1] : ends[k]]``."""
    return torch.argsort(keys, stable=True), torch.bincount(keys).cumsum(0).cpu()


def _segment(key: int, order: Tensor, ends: Tensor) -> Tensor:
    if not 0 <= key < len(ends):
        return order[:0]
    return order[int(ends[key - 1]) if key else 0 : int(ends[key])]
