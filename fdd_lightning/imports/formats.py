"""The formats that sets are read from: what the published scripts save, class folders, arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fdd_lightning.datasets.folder_files import SPLITS, Columns, find_images
from fdd_lightning.datasets.image_decoding import read_image
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FileFormatError
from fdd_lightning.imports.base import Found, SetFormat
from fdd_lightning.imports.source import Source

BEST = "images_best.pt"
"""What MTT calls the images of its best evaluation."""
IMAGES = ("images", "image", "x", "x_train", "data")
LABELS = ("labels", "label", "y", "y_train", "targets", "target")
"""Names of arrays, in lower case."""


def _pair(value: object) -> Found | None:
    """Return images and labels where a value is a pair of tensors that look like them."""
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(isinstance(each, Tensor) for each in value):
        return None
    return Found(*value) if value[0].ndim == 4 else None


class Experiments(SetFormat):
    """``res_*.pt`` of DC, DSA, DM, FairDD, COBRA and IDM: a list of images and labels, one pair for each experiment."""

    name = "experiments"
    looks = "res_*.pt of DC, DSA, DM, FairDD or COBRA"

    def read(self, source: Source) -> list[Found] | None:
        """Return what stands under ``data``."""
        content = source.content
        data = content.get("data") if isinstance(content, Mapping) else None
        if not isinstance(data, list):
            return None
        pairs = [_pair(each) for each in data]
        found = [pair for pair in pairs if pair is not None]
        if not found or len(found) < len(pairs):
            raise FileFormatError(
                f"{source.path}: its `data` is no list of images and labels, one pair for each experiment: name what a "
                "script saved after its last iteration"
            )
        return found


class ImagesWithLabels(SetFormat):
    """IDC's and DREAM's ``data.pt``: images and labels."""

    name = "images with labels"
    looks = "data.pt of IDC or DREAM"

    def read(self, source: Source) -> list[Found] | None:
        """Return the pair."""
        found = _pair(source.content)
        if found is None:
            return None
        note = "images are taken one by one; IDC and DREAM store several in each: say --factor 2 if these do"
        return [Found(found.images, found.labels, note=note)]


class ImagesBesideLabels(SetFormat):
    """MTT's ``images_best.pt``, with ``labels_best.pt`` beside it, or the folder of both."""

    name = "images beside labels"
    looks = "images_best.pt of MTT with its labels_best.pt"

    def read(self, source: Source) -> list[Found] | None:
        """Return images of one file with labels of another."""
        file = source.path / BEST if source.path.is_dir() else source.path
        if not file.name.startswith("images") or not file.is_file():
            return None
        images = source.read(file) if source.path.is_dir() else source.content
        if not isinstance(images, Tensor) or images.ndim != 4:
            return None
        beside = file.with_name(file.name.replace("images", "labels", 1).replace("_zca", ""))
        if not beside.is_file():
            raise DatasetNotFoundError(f"{file} holds images alone: put their labels beside it, as {beside.name}")
        labels = source.read(beside)
        if not isinstance(labels, Tensor):
            raise FileFormatError(f"{beside} holds no tensor of labels: name the one that belongs to {file.name}")
        return [Found(images, labels)]


class NamedArrays(SetFormat):
    """Arrays of an npz, a safetensors file or a dict of tensors: ``images`` (``x``) and ``labels`` (``y``)."""

    name = "named arrays"
    looks = "npz or safetensors with images (x) and labels (y)"

    def read(self, source: Source) -> list[Found] | None:
        """Return the arrays of the first names that are there."""
        content = source.content
        if not isinstance(content, Mapping):
            return None
        named = {str(key).lower(): value for key, value in content.items() if isinstance(value, Tensor)}
        images = next((named[key] for key in IMAGES if key in named and named[key].ndim == 4), None)
        labels = next((named[key] for key in LABELS if key in named), None)
        return None if images is None or labels is None else [Found(images, labels)]


class ClassFolders(SetFormat):
    """A folder of images, a subfolder for each class; of ``train/`` and others the former."""

    name = "class folders"
    looks = "a folder with a folder of images for each class"

    def read(self, source: Source) -> list[Found] | None:
        """Return the images as bytes, classes by the names of their folders."""
        if not source.path.is_dir():
            return None
        try:
            images = find_images(source.path, None, Columns())
        except (ConfigError, DatasetNotFoundError):
            return None
        splits = images.splits or [SPLITS["train"]] * len(images.files)
        chosen = [place for place, split in enumerate(splits) if split == SPLITS["train"]]
        if not chosen:
            return None
        source.files += [images.files[place] for place in chosen]
        names = sorted({images.targets[place] for place in chosen})
        labels = torch.tensor([names.index(images.targets[place]) for place in chosen])
        return [Found(_pixels(source.files), labels, tuple(names))]


def _pixels(files: list[Path]) -> Tensor:
    """Read images of one size, uint8 (N, 3, H, W)."""
    arrays = []
    for file in files:
        arrays.append(np.asarray(read_image(file)))
        if arrays[-1].shape != arrays[0].shape:
            sizes = ["x".join(map(str, array.shape[:2])) for array in (arrays[-1], arrays[0])]
            raise FileFormatError(
                f"image {str(file)!r} has {sizes[0]} pixels, the first one {sizes[1]}: make them equal"
            )
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)
