from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from fdd_lightning.datamodules import CIFAR10S
from fdd_lightning.datamodules.cifar10_s import grey
from tests.fakes_cifar import cifar_arrays


def pillows_grey(image: Tensor) -> Tensor:
    shown = Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L")
    return torch.tensor(np.asarray(shown)).expand(3, -1, -1)


@pytest.fixture(scope="module")
def source() -> tuple[Tensor, Tensor]:
    return cifar_arrays(40)


def test_grey_is_pillows():
    images = torch.randint(256, (30, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[0], images[1] = 255, 0
    for image, result in zip(images, grey(images), strict=True):
        assert torch.equal(result, pillows_grey(image))


@pytest.mark.parametrize(("share", "other"), [(0.1, 4), (0.5, 20), (0.0, 0), (1.0, 40)])
def test_counts_of_training_cells(source, share, other):
    split = CIFAR10S(conflict_ratio=share, seed=0).construct(source[0], source[1], "train")
    for c in range(10):
        of_class = split.groups[split.targets == c].tolist()
        assert of_class.count(1 if c < 5 else 0) == other
        assert len(of_class) == 40


def test_every_training_image_is_a_source_image_in_grey_or_colour(source):
    images, labels = source
    split = CIFAR10S(conflict_ratio=0.1, seed=0).construct(images, labels, "train")
    assert isinstance(split.images, Tensor)
    left = {(i.numpy().tobytes(), int(t)): n for n, (i, t) in enumerate(zip(images, labels, strict=True))}
    greys = {(pillows_grey(i).numpy().tobytes(), int(t)): n for n, (i, t) in enumerate(zip(*source, strict=True))}
    seen = []
    for image, target, group in zip(split.images, split.targets.tolist(), split.groups.tolist(), strict=True):
        seen.append((left if group == 1 else greys)[(image.numpy().tobytes(), target)])
    assert sorted(seen) == list(range(400))
    assert seen != sorted(seen)  # shuffled


def test_the_test_split_is_all_in_grey_then_all_in_colour(source):
    images, labels = source
    split = CIFAR10S().construct(images, labels, "test")
    pixels = torch.cat(list(split.images))
    assert torch.equal(pixels[400:], images)
    for n in range(0, 400, 13):
        assert torch.equal(pixels[n], pillows_grey(images[n]))
    assert split.groups.tolist() == [0] * 400 + [1] * 400
    assert torch.equal(split.targets, labels.repeat(2))


def test_the_seed_decides_who_is_grey(source):
    first, again, other = (
        CIFAR10S(conflict_ratio=0.1, seed=seed).construct(source[0], source[1], "train") for seed in (0, 0, 1)
    )
    assert isinstance(first.images, Tensor)
    assert isinstance(again.images, Tensor)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.groups, other.groups)
