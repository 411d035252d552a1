"""Class folders with the greyscale bias of CIFAR10-S built in: FairDD's ImageNet subsets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datamodules.cifar10_s import GREY, UNBIASED, grey
from fdd_lightning.datamodules.own_names import own_name
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.assignment import deal
from fdd_lightning.datasets.image_files import image_files, listing, read_images, resized
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.utils import rng
from fdd_lightning.utils.checks import require

TESTS = ("test", "val")
"""Names of the folder of the test images; ImageNet's own is ``val``."""


class GreyFolder(BaseDataModule):
    """Class folders in which the first half of the classes is mostly in grey, the other half mostly in colour.

    CIFAR10-S's bias for images of any size, as FairDD has it for ImageNette, ImageWoof and other subsets of ImageNet:
    the folder ``train/CLASS`` of the data root is read, and ``test/CLASS`` or ``val/CLASS``. The test set has every
    image in grey and in colour.

    Args:
        folder: The folder, below the data root (or ``root``); null for ``grey_folder``.
        classes: Names of the class folders, in the order wanted, others are left out; null for all, sorted.
        conflict_ratio: Share of each training class that is in colour where its class is mostly grey, and the other way
            round; null for the unbiased twin, half grey and half colour.
        size: Height and width of the images, in pixels: the middle square, bilinear.
        name: What rows call the data set; null for the folder's own name.

    Example:
        >>> data = GreyFolder("imagenette2-160", classes=["n01440764", "n02102040"], size=64)
        >>> data.name, data.num_classes, data.group_names, data.image_shape
        ('imagenette2-160', 2, ('grey', 'color'), (3, 64, 64))
    """

    name = "grey_folder"
    determines = ("folder", "classes", "conflict_ratio", "size", "seed")
    group_names = ("grey", "color")
    image_shape = (3, 128, 128)
    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)
    licence = "a folder of images below the data root; no licence was stated (ImageNet's: non-commercial research only)"

    def __init__(
        self,
        folder: str | None = None,
        classes: Sequence[str] | None = None,
        conflict_ratio: float | None = 0.1,
        size: int = 128,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(conflict_ratio=conflict_ratio, **kwargs)
        require({"size": size}, least=1, of="grey_folder:")
        if folder is not None and (PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts):
            raise ConfigError(f"grey_folder: folder={folder!r}: name one below the data root, or set `root`")
        if classes is not None and (len(classes) < 2 or len(set(classes)) != len(classes)):
            raise ConfigError(f"grey_folder: classes={list(classes)}: name two or more different class folders")
        self.folder = folder
        self.classes = None if classes is None else [str(each) for each in classes]
        self.size = size
        self.image_shape = (3, size, size)
        self.name = own_name(name, folder, GreyFolder, self.entry)

    @property
    def images_folder(self) -> Path:
        """The folder of the splits' folders."""
        return self.source() / (self.folder or self.entry)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class folders."""
        if self.classes is not None:
            return tuple(self.classes)
        self.check_source()
        return tuple(sorted(path.name for path in (self.images_folder / "train").iterdir() if path.is_dir()))

    @property
    def aligned(self) -> Tensor | None:
        """The first half of the classes in grey, the others in colour; None for the unbiased twin."""
        return None if self.conflict_ratio is None else self._own_cells()

    def _own_cells(self) -> Tensor:
        first = torch.arange(self.num_classes) < self.num_classes // 2
        return torch.stack([first, ~first], 1)

    def _split_folder(self, split: str) -> Path:
        """Return the folder of a split's class folders.

        Raises:
            DatasetNotFoundError: There is none.
        """
        names = ("train",) if split == "train" else TESTS
        found = next((self.images_folder / name for name in names if (self.images_folder / name).is_dir()), None)
        if found is None:
            raise DatasetNotFoundError(
                f"{self.name}: no folder {' or '.join(names)} in {str(self.images_folder)!r}: put class folders there "
                "(train/CLASS and test/CLASS or val/CLASS), or set FDD_DATA or `root` to the folder that holds "
                f"{self.folder or self.entry}"
            )
        return found

    def check_source(self) -> None:
        """Check that both splits are there, with every class that is named."""
        for split in ("train", "test"):
            folder = self._split_folder(split)
            lost = [name for name in self.classes or () if not (folder / name).is_dir()]
            if lost:
                raise DatasetNotFoundError(f"{self.name}: no class folder {lost[0]!r} in {str(folder)!r}")

    def _files(self, split: str) -> tuple[list[Path], Tensor]:
        """Return the files of a split, class by class, and their classes."""
        folder = self._split_folder(split)
        files = [image_files(folder / name) for name in self.class_names]
        targets = torch.arange(len(files)).repeat_interleave(torch.tensor([len(each) for each in files]))
        return [path for each in files for path in each], targets

    def source_state(self) -> str:
        """Return a hash of the images' names and contents."""
        self.check_source()
        return listing(self.images_folder, [path for split in ("train", "test") for path in self._files(split)[0]])

    def build(self) -> dict[str, Split]:
        """Build both splits; files are read when they are written, those of the test twice: in grey, then in colour."""
        return {"train": self._training(), "test": self._test()}

    def _training(self) -> Split:
        files, targets = self._files("train")
        sizes = torch.bincount(targets, minlength=self.num_classes)
        other = (sizes * (UNBIASED if self.conflict_ratio is None else self.conflict_ratio)).round().to(torch.int64)
        cells = torch.where(self._own_cells(), (sizes - other)[:, None], other[:, None])
        groups = deal(targets, cells, rng.generator(self.seed, self.entry, "train", "deal"))
        order = torch.randperm(len(files), generator=rng.generator(self.seed, self.entry, "train", "order"))
        targets, groups = targets[order], groups[order]
        chunks = read_images([files[place] for place in order.tolist()], resized(self.size))

        def greyed() -> Any:
            begun = 0
            for chunk in chunks:
                is_grey = groups[begun : begun + len(chunk)] == GREY
                begun += len(chunk)
                yield torch.where(is_grey[:, None, None, None], grey(chunk), chunk)

        return Split(greyed(), targets, groups)

    def _test(self) -> Split:
        files, targets = self._files("test")
        once, twice = (read_images(files, resized(self.size)) for _ in range(2))
        groups = torch.arange(2).repeat_interleave(len(files))
        return Split(chain(map(grey, once), twice), targets.repeat(2), groups)
