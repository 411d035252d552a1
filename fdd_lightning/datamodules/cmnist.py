"""CMNIST as Cui et al. use it; FairDD's coloured MNIST is another set, in ``cmnist_fairdd.py``."""

from __future__ import annotations

from fdd_lightning.datamodules.idx import IdxDataModule
from fdd_lightning.datamodules.ready_made import ReadyMade
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.cmnist import cmnist_test, cmnist_train
from fdd_lightning.datasets.colors import LFF_COLOR_NAMES
from fdd_lightning.datasets.idx import MNIST


class CMNIST(ReadyMade, IdxDataModule):
    """MNIST in ten soft colours with little noise (LfF, DFA, SelecMix, Cui et al.), padded to 32x32, unbiased test.

    55,000 training images (5,000 are held out and not used), 10,000 test images with every class evenly in all colours.

    Instead of being generated it can be read from the folders in which DFA hands it out. Their training images are
    those of the papers; the counts of both are the same.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Nominal share of bias-conflicting training images: 0.005, 0.01, 0.02 and 0.05 have the published
            249, 491, 986 and 2,449 of 55,000, others ``round(0.9 * ratio * 55000)``, as if that share drew its colour
            from all ten. Null for the unbiased twin, all ten colours evenly. With ``folder``, which ``pct`` folder.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``MNIST/raw``, instead of the data root.
        download: Fetch MNIST if it is not there.
        folder: Folder of ready-made images, relative to the current one; it holds ``test`` and, for training,
            ``{0.5pct,1pct,2pct,5pct}/{align,conflict}/DIGIT/*_DIGIT_COLOUR.png``; null generates the set from MNIST.
    """

    name = "cmnist"
    determines = ("conflict_ratio", "folder", "seed")
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
        folder: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed, conflict_ratio, validation, root, download)
        self.take_folder(folder)

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.cmnist`), or read the ready-made ones."""
        ready_made = self.ready_made()
        if ready_made is not None:
            return ready_made
        return {
            "train": cmnist_train(*self.load(train=True), self.conflict_ratio, self.seed),
            "test": cmnist_test(*self.load(train=False), self.seed),
        }
