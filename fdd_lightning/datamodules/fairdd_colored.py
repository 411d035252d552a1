"""What the data modules of FairDD's coloured MNIST and Fashion-MNIST share."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from fdd_lightning.datamodules.idx import IdxDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.colors import FAIRDD_COLOR_NAMES
from fdd_lightning.datasets.fairdd_colored import UNBIASED


class FairDDColored(IdxDataModule, ABC):
    """Base of FairDD's ten-colour sets: majority share 1 - conflict_ratio in training, a tenth in the test.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class in another colour than its own (1 - rho of the paper); null for the
            unbiased twin, built like the test set.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``MNIST/raw`` or ``FashionMNIST/raw``, instead of the data root.
        download: Fetch the source if it is not there.
    """

    group_names = FAIRDD_COLOR_NAMES

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = 0.1,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(batch_size, seed, conflict_ratio, validation, root, download)

    @abstractmethod
    def colored(self, images: Tensor, labels: Tensor, majority: float, split: str) -> Split:
        """Colour one split of the source, ``majority`` of each class in its own colour."""

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.fairdd_colored`)."""
        # Rounded, because 1 - 0.1 need not be the 0.9 of the published rule in floating point.
        majority = UNBIASED if self.conflict_ratio is None else round(1 - self.conflict_ratio, 12)
        return {
            "train": self.colored(*self.load(train=True), majority, "train"),
            "test": self.colored(*self.load(train=False), UNBIASED, "test"),
        }
