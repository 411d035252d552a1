"""A data set: squares and crosses, most squares bright and most crosses dark."""

import torch

from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.utils import rng


class Shapes(BaseDataModule):
    """Two classes of 8x8 grey images, two groups by brightness; made, not read.

    Args:
        batch_size: Images per batch.
        seed: Seed of the construction.
        conflict_ratio: Share of each class in the other's brightness.
        validation: Share of the training images set aside.
    """

    name = "shapes"
    reads_root = False
    class_names = ("square", "cross")
    group_names = ("bright", "dark")
    image_shape = (1, 8, 8)
    mean = (0.5,)
    std = (0.5,)
    licence = "made by this code"

    def __init__(self, batch_size: int = 32, seed: int = 0, conflict_ratio: float = 0.25, validation: float = 0.0):
        super().__init__(batch_size, seed, conflict_ratio, validation)

    @property
    def aligned(self):
        """Bright squares and dark crosses."""
        return torch.eye(2, dtype=torch.bool)

    def build(self):
        """Draw 32 images of each class for training, and 8 of each class and group for the test."""
        shares = {"train": (32, self.conflict_ratio), "test": (16, 0.5)}
        return {split: self.draw(split, *share) for split, share in shares.items()}

    def draw(self, split, count, conflict):
        generator = rng.generator(self.seed, "shapes", split)
        targets = torch.arange(2).repeat_interleave(count)
        against = torch.arange(count) < round(count * conflict)
        groups = torch.where(against.repeat(2), 1 - targets, targets)
        images = torch.zeros(2 * count, 8, 8)
        images[:count, 2:6, 2:6] = 1.0
        images[count:, 3:5, :] = 1.0
        images[count:, :, 3:5] = 1.0
        images = images * (200 - 120 * groups)[:, None, None] + 40 * torch.rand(images.shape, generator=generator)
        return Split(images.to(torch.uint8)[:, None], targets, groups)
