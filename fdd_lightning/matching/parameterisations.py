"""Parameterisations: how synthetic images are stored."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.utils.checks import require


class Parameterisation(Choice, ABC):
    """Base of every parameterisation: stored tensors to images and back.

    Attributes:
        name: Its name in files.
        expansion: Images that one stored image decodes to.
        stores_images: Whether the images themselves are stored, of whatever range: decoding changes nothing.

    Example:
        >>> [storage.expansion for storage in (Pixels(), MultiFormation(factor=2))]
        [1, 4]
    """

    name: ClassVar[str]
    expansion: int = 1
    stores_images: ClassVar[bool] = False

    def prepare(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Take the data's normalisation; called once before the first step. By default nothing needs it."""

    @abstractmethod
    def decode(self, stored: Tensor) -> Tensor:
        """Return (n * expansion, C, H, W) from n stored images; those of one stored image are neighbours."""

    @abstractmethod
    def encode(self, images: Tensor) -> Tensor:
        """Return n stored images from (n * expansion, C, H, W): how an initialiser's images are taken over."""

    def constrain(self, stored: Tensor) -> Tensor:
        """Return the stored images brought back into their range; asked for at the start of each iteration."""
        return stored


class Pixels(Parameterisation):
    """Every synthetic image is stored as its normalised pixels, never clamped (DC, DSA, DM).

    Example:
        >>> Pixels().decode(torch.zeros(1, 3, 8, 8)).shape
        torch.Size([1, 3, 8, 8])
    """

    name = "pixels"
    stores_images = True

    def decode(self, stored: Tensor) -> Tensor:
        """Return the images as they are stored."""
        return stored

    def encode(self, images: Tensor) -> Tensor:
        """Return the images as they are."""
        return images


class Tiles(Parameterisation, ABC):
    """Base: ``factor`` x ``factor`` equal tiles, each enlarged bilinearly to a whole image.

    Where the size cannot be divided, the image is padded at the bottom and on the right first.

    Args:
        factor: Tiles per side.

    Attributes:
        shrink: Interpolation by which an initial image is shrunk into its tile.
        fill: What an image that cannot be divided is padded with.

    Example:
        >>> MultiFormation(factor=3).expansion
        9
    """

    shrink: str
    fill: float

    def __init__(self, factor: int = 2) -> None:
        require({"factor": factor}, least=1, of=type(self).__name__)
        self.factor = factor
        self.expansion = factor * factor

    def decode(self, stored: Tensor) -> Tensor:
        """Return the tiles, row by row, each as large as the whole: (n * expansion, C, H, W)."""
        count, channels, height, width = stored.shape
        rows, columns = math.ceil(height / self.factor), math.ceil(width / self.factor)
        spare = (0, columns * self.factor - width, 0, rows * self.factor - height)
        padded = F.pad(stored, spare, value=self.fill)
        tiles = padded.view(count, channels, self.factor, rows, self.factor, columns).permute(0, 2, 4, 1, 3, 5)
        tiles = tiles.reshape(count * self.expansion, channels, rows, columns)
        return F.interpolate(tiles, size=(height, width), mode="bilinear", align_corners=False)

    def encode(self, images: Tensor) -> Tensor:
        """Return (n, C, H, W), each made of ``expansion`` neighbouring images shrunk into its tiles.

        Each is shrunk to what the image has of its tile: where the size cannot be divided, the last tiles have less.
        """
        count, channels, height, width = images.shape
        whole = images.new_empty(count // self.expansion, channels, height, width)
        for row, tiles in enumerate(whole.chunk(self.factor, dim=2)):
            for column, tile in enumerate(tiles.chunk(self.factor, dim=3)):
                shrunk = images[row * self.factor + column :: self.expansion]
                tile.copy_(F.interpolate(shrunk, size=tile.shape[2:], mode=self.shrink))
        return whole


class MultiFormation(Tiles):
    """IDC's storage (Kim et al., ICML 2022): pixels in 0..1, clamped when an iteration starts; bilinear decoding.

    Initial images are shrunk into their tiles by nearest neighbour, as in the reference.

    Args:
        factor: Tiles per side: 2 for images of 32 pixels, 3 for ImageNet; 1 is "IDC-I".

    Example:
        >>> MultiFormation(factor=2).decode(torch.zeros(1, 3, 8, 8)).shape
        torch.Size([4, 3, 8, 8])
    """

    name = "multi_formation"
    shrink = "nearest"
    fill = 0.5

    def __init__(self, factor: int = 2) -> None:
        super().__init__(factor)
        self.prepare((0.0,), (1.0,))

    def prepare(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Take the data's normalisation: stored are pixels, decoded are normalised images."""
        self._mean, self._std = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))

    def decode(self, stored: Tensor) -> Tensor:
        """Return the normalised images of all tiles; see :meth:`Tiles.decode`."""
        return (super().decode(stored) - self._mean.to(stored)) / self._std.to(stored)

    def encode(self, images: Tensor) -> Tensor:
        """Return pixels in 0..1 from normalised images, ``expansion`` of them in each."""
        return super().encode(images * self._std.to(images) + self._mean.to(images)).clamp(0, 1)

    def constrain(self, stored: Tensor) -> Tensor:
        """Return the pixels clamped to 0..1."""
        return stored.clamp(0, 1)


class PartitionExpand(Tiles):
    """IDM's storage (Zhao et al., CVPR 2023): normalised pixels in four quadrants, each enlarged twofold.

    Initial images are shrunk bilinearly.

    Example:
        >>> storage, images = PartitionExpand(factor=2), torch.ones(4, 3, 8, 8)
        >>> storage.encode(images).shape, storage.decode(storage.encode(images)).equal(images)
        (torch.Size([1, 3, 8, 8]), True)
    """

    name = "partition_expand"
    shrink = "bilinear"
    fill = 0.0
