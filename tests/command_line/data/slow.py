"""A data set of the user's own that is built slowly: half of it, then it waits for a file to go."""

MODULE = '''
import time
from pathlib import Path

import torch

from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets import Split


class Slow(BaseDataModule):
    """Black and white squares.

    Args:
        shade: How white.
    """

    name = "slow"
    reads_root = False
    determines = ("shade", "seed")
    class_names = ("black", "white")
    group_names = ("left", "right")
    image_shape = (1, 2, 2)
    mean = std = (0.5,)
    licence = "none"

    def __init__(self, shade: int = 255, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self.shade = shade

    def build(self):
        def chunks():
            yield torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
            Path("begun").touch()
            while Path("wait").exists():
                time.sleep(0.01)
            yield torch.full((2, 1, 2, 2), self.shade, dtype=torch.uint8)

        targets, groups = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
        return {"train": Split(chunks(), targets, groups), "test": Split(chunks(), targets, groups)}
'''
