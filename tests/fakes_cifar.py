"""Miniatures of CIFAR-10: as class folders of image files, and as torchvision's batches."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from fdd_lightning.datasets.originals import CIFAR10
from fdd_lightning.utils import rng


def cifar_arrays(per_class: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw colourful blots that tell their class: uint8 (10 * per_class, 3, 32, 32), and labels, class by class."""
    labels = torch.arange(10).repeat_interleave(per_class)
    generator = rng.generator(seed, "fake cifar", per_class)
    blots = torch.rand(10, 3, 4, 4, generator=rng.generator(0, "fake cifar blots"))[labels]
    detail = torch.rand(len(labels), 3, 8, 8, generator=generator)
    images = 0.6 * interpolate(blots, (32, 32), mode="bilinear") + 0.4 * interpolate(detail, (32, 32), mode="bilinear")
    return (images * 255).to(torch.uint8), labels


def write_cifar_folders(root: Path, train: int = 60, test: int = 20, suffix: str = ".png") -> Path:
    """Write ``cifar10/{train,test}/<class>/*`` below ``root``, so many images per class, and return ``root``."""
    for split, per_class, seed in (("train", train, 0), ("test", test, 1)):
        images, labels = cifar_arrays(per_class, seed)
        for place, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
            folder = root / "cifar10" / split / CIFAR10.class_names[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{place:04}{suffix}")
    return root


def write_cifar_batches(root: Path, patch: pytest.MonkeyPatch, per_batch: int = 20) -> tuple[Tensor, Tensor]:
    """Write ``cifar-10-batches-py`` below ``root`` and have torchvision take its checksums for the published ones.

    Returns:
        Images and labels of the training split, in the order of the files.
    """
    import torchvision

    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)

    def write(name: str, content: dict[str, object]) -> str:
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    images, labels = cifar_arrays(per_batch * 6 // 10 + 1)
    order = torch.randperm(len(labels), generator=rng.generator(0, "fake cifar order"))
    images, labels = images[order], labels[order]
    sums = []
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        part = slice(number * per_batch, (number + 1) * per_batch)
        sums.append((name, write(name, {"data": images[part].flatten(1).numpy(), "labels": labels[part].tolist()})))
    meta = write("batches.meta", {"label_names": list(CIFAR10.class_names)})
    patch.setattr(torchvision.datasets.CIFAR10, "train_list", [list(pair) for pair in sums[:5]])
    patch.setattr(torchvision.datasets.CIFAR10, "test_list", [list(pair) for pair in sums[5:]])
    patch.setattr(torchvision.datasets.CIFAR10, "meta", torchvision.datasets.CIFAR10.meta | {"md5": meta})
    return images[: 5 * per_batch], labels[: 5 * per_batch]
