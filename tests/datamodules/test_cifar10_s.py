from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fdd_lightning.datamodules import CIFAR10S
from fdd_lightning.datasets.image_set import count_cells
from tests.datamodules.contract import DataModuleContract
from tests.datamodules.test_cifar10 import needs_cifar, real_test_images
from tests.fakes_cifar import write_cifar_folders


class TestCIFAR10S(DataModuleContract):
    kind = CIFAR10S

    def write_source(self, root: Path) -> None:
        write_cifar_folders(root, train=20, test=5)

    def test_counts(self, data):
        assert data.train.cells(10, 2).tolist() == [[18, 2]] * 5 + [[2, 18]] * 5
        assert data.test.cells(10, 2).tolist() == [[5, 5]] * 10
        assert data.manifest["conflict_ratio"] == 0.1

    def test_the_twin_is_half_and_half(self):
        data = CIFAR10S(conflict_ratio=None)
        data.setup()
        assert data.train.cells(10, 2).tolist() == [[10, 10]] * 10

    def test_grey_images_are_grey(self, data):
        for images in (data.train, data.test):
            even = (images.images == images.images[:, :1]).flatten(1).all(dim=1)
            assert torch.equal(even, images.groups == 0)


@needs_cifar
def test_published_counts_and_normalisation_on_real_cifar10():
    """Labels are those of the whole set, pixels those of its test part, because reading JPEG files takes long."""
    images, labels = real_test_images()
    whole = torch.arange(10).repeat_interleave(5000)
    train = CIFAR10S(conflict_ratio=0.1, seed=0).construct(
        torch.zeros(50_000, 3, 1, 1, dtype=torch.uint8), whole, "train"
    )
    assert count_cells(train.targets, train.groups, 10, 2).tolist() == [[4500, 500]] * 5 + [[500, 4500]] * 5
    test = CIFAR10S().construct(images, labels, "test")
    assert count_cells(test.targets, test.groups, 10, 2).tolist() == [[1000, 1000]] * 10
    biased = CIFAR10S(conflict_ratio=0.1, seed=0).construct(images, labels, "train").images
    assert isinstance(biased, torch.Tensor)
    assert biased.double().mean(dim=(0, 2, 3)).div(255).tolist() == pytest.approx(CIFAR10S.mean, abs=0.01)
    assert biased.double().std(dim=(0, 2, 3)).div(255).tolist() == pytest.approx(CIFAR10S.std, abs=0.01)
