"""Corrupted CIFAR-10 as Cui et al. use it."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.datamodules.cifar10 import CIFAR10DataModule
from fdd_lightning.datamodules.ready_made import ReadyMade
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.corrupted_cifar10 import LISTS, Corrupter, Corruptions, corrupted_test, corrupted_train
from fdd_lightning.datasets.corruptions import LEVELS, FrostTextures
from fdd_lightning.datasets.corruptions.frost import best_textures
from fdd_lightning.errors import ConfigError


class CorruptedCIFAR10(ReadyMade, CIFAR10DataModule):
    """CIFAR-10 with a corruption per class (LfF, DFA, SelecMix, Cui et al.), unbiased test; 45,000 and 10,000 images.

    5,000 training images are held out and not used. The test set has every class evenly under all ten corruptions.

    Instead of being generated it can be read from the folders in which DFA hands it out, which hold the images of the
    papers (published counts of conflicting ones: 228, 442, 887 and 2,242).

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of the training images under another class's corruption; published are 0.005, 0.01, 0.02
            and 0.05 (225, 450, 900 and 2,250 of 45,000 here). Null for the unbiased twin, all ten evenly. With
            ``folder``, which ``pct`` folder.
        corruptions: Which corruption each class has: DFA's list, or LfF's Type 0 or 1. With ``folder``, what its
            groups are called.
        level: How strong the corruptions are, 1 to 5; LfF's severity s is level s + 1.
        frost: Where textures of frost come from: the published photographs, which the package imagecorruptions-imaug
            brings, or generated ones. Null takes the photographs if they are installed. Where no class has frost, or
            with ``folder``, it means nothing.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``cifar-10-batches-py`` or ``cifar10/{train,test}``, instead of the data root.
        download: Fetch CIFAR-10 if it is not there.
        folder: Folder of ready-made images, relative to the current one; it holds ``test`` and, for training,
            ``{0.5pct,1pct,2pct,5pct}/{align,conflict}/CLASS/*_CLASS_CORRUPTION.png``, with numbers 0 to 9; null
            generates the set from CIFAR-10.
    """

    name = "corrupted_cifar10"
    determines = ("conflict_ratio", "corruptions", "level", "frost", "folder", "seed")

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = 0.05,
        corruptions: Corruptions = "dfa",
        level: int = 5,
        frost: FrostTextures | None = None,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
        folder: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed, conflict_ratio, validation, root, download)
        self.take_folder(folder)
        if corruptions not in LISTS:
            raise ConfigError(f"{self.name}: corruptions={corruptions!r}: it must be one of {', '.join(LISTS)}")
        if level not in range(1, LEVELS + 1):
            raise ConfigError(f"{self.name}: level={level}: it must be 1, 2, 3, 4 or 5")
        if frost not in (None, "photographs", "generated"):
            raise ConfigError(f"{self.name}: frost={frost!r}: it must be photographs, generated or null")
        self.corruptions = corruptions
        self.level = level
        # What is left to the installation is settled here, so that the parameters say what was taken.
        draws_frost = folder is None and "frost" in LISTS[corruptions]
        self.frost: FrostTextures | None = (frost or best_textures()) if draws_frost else None

    @property
    def group_names(self) -> tuple[str, ...]:
        """The corruptions, in the order of the classes they belong to."""
        return tuple(name.replace("_", " ") for name in LISTS[self.corruptions])

    @property
    def aligned(self) -> Tensor | None:
        """Class c under corruption c; None for the unbiased twin."""
        return None if self.conflict_ratio is None else torch.eye(self.num_classes, dtype=torch.bool)

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.corrupted_cifar10`), or read ready-made ones."""
        ready_made = self.ready_made()
        if ready_made is not None:
            return ready_made
        corrupter = Corrupter(LISTS[self.corruptions], self.level, self.frost or "generated")
        return {
            "train": corrupted_train(*self.load(train=True), self.conflict_ratio, corrupter, self.seed),
            "test": corrupted_test(*self.load(train=False), corrupter, self.seed),
        }
