"""Plain Fashion-MNIST, for figures without any bias."""

from __future__ import annotations

import torch

from fdd_lightning.datamodules.idx import IdxDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.idx import FASHION_MNIST


class FashionMNIST(IdxDataModule):
    """Fashion-MNIST as it is: 60,000 and 10,000 grey images, 28x28, one group; normalised as in DC, DSA and DM.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the validation cut and of the order of training batches; the images do not depend on it.
        validation: Share of the training images set aside for validation, in 0..1, drawn per class.
        root: Folder that holds ``FashionMNIST/raw``, instead of the data root.
        download: Fetch Fashion-MNIST if it is not there.
    """

    name = "fashion_mnist"
    determines = ()
    origin = FASHION_MNIST
    group_names = ("all",)
    image_shape = (1, 28, 28)
    mean = (0.2861,)
    std = (0.3530,)

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(batch_size, seed, None, validation, root, download)

    def build(self) -> dict[str, Split]:
        """Take both splits as they are, in their order."""
        splits = {}
        for name in ("train", "test"):
            images, labels = self.load(train=name == "train")
            splits[name] = Split(images[:, None], labels, torch.zeros_like(labels))
        return splits
