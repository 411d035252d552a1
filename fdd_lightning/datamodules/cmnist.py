"""CMNIST as Cui et al. use it; FairDD's coloured MNIST is another set, in ``cmnist_fairdd.py``."""

from __future__ import annotations

from fdd_lightning.datamodules.idx import IdxDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.cmnist import cmnist_test, cmnist_train
from fdd_lightning.datasets.colors import LFF_COLOR_NAMES
from fdd_lightning.datasets.idx import MNIST


class CMNIST(IdxDataModule):
    """MNIST in ten soft colours with little noise (LfF, DFA, SelecMix, Cui et al.), padded to 32x32, unbiased test.

    55,000 training images (5,000 are held out and not used), 10,000 test images with every class evenly in all colours.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Nominal share of bias-conflicting training images: 0.005, 0.01, 0.02 and 0.05 have the published
            249, 491, 986 and 2,449 of 55,000, others ``round(0.9 * ratio * 55000)``, as if that share drew its colour
            from all ten. Null for the unbiased twin, all ten colours evenly.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``MNIST/raw``, instead of the data root.
        download: Fetch MNIST if it is not there.
    """

    name = "cmnist"
    origin = MNIST
    group_names = LFF_COLOR_NAMES

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = 0.05,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(batch_size, seed, conflict_ratio, validation, root, download)

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.cmnist`)."""
        return {
            "train": cmnist_train(*self.load(train=True), self.conflict_ratio, self.seed),
            "test": cmnist_test(*self.load(train=False), self.seed),
        }
