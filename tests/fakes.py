"""Miniatures of real data folders, laid out as the real ones are."""

from __future__ import annotations

import struct
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fdd_lightning.utils import rng


def mnist_arrays(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw digit-like images that tell their class: uint8 (count, 28, 28) on black, and labels of all ten classes."""
    generator = rng.generator(seed, "fake mnist", count)
    labels = torch.randint(10, (count,), generator=generator)
    labels[:10] = torch.arange(10)
    shapes = torch.rand(10, 1, 5, 5, generator=rng.generator(0, "fake mnist shapes"))
    shapes = interpolate(shapes, size=(20, 20), mode="bilinear")[:, 0]
    strokes = ((shapes - 0.5) * 8).clamp(0, 1)[labels]
    strokes = (strokes * (0.8 + 0.2 * torch.rand(strokes.shape, generator=generator)) * 255).to(torch.uint8)
    images = torch.zeros(count, 28, 28, dtype=torch.uint8)
    images[:, 4:24, 4:24] = strokes
    return images, labels


def write_mnist(root: Path, train: int = 600, test: int = 200, seed: int = 0, name: str = "MNIST") -> Path:
    """Write a miniature MNIST or FashionMNIST in torchvision's raw idx layout below ``root``, and return ``root``."""
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    for prefix, count, shift in (("train", train, 0), ("t10k", test, 1)):
        images, labels = mnist_arrays(count, seed + shift)
        header = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.numpy().tobytes())
        header = struct.pack(">II", 0x801, count)
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.to(torch.uint8).numpy().tobytes())
    return root
