"""BFFHQ: faces whose age is the class and whose gender goes with it (Lee et al., NeurIPS 2021), from DFA's folders."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datamodules.cifar10 import MEAN, STD
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.dfa_folders import WEBSITE, dfa_files, dfa_state, require_dfa
from fdd_lightning.datasets.image_files import resized
from fdd_lightning.datasets.labelled_files import BEYOND, balanced
from fdd_lightning.utils import rng

SIZE = 64
CONFLICT_RATIO = 0.005

AGES = ("young", "old")
GENDERS = ("female", "male")


class BFFHQ(BaseDataModule):
    """BFFHQ: 64x64 faces, young or old, gender as group; 19,200 training images of which 96 conflict with the bias.

    The test split has 1,000 images, 250 of each (class, group) cell; DFA and SelecMix report on its conflicting half.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the balanced and validation cuts and of the order of training batches.
        balanced: Cut every (class, group) cell of the training split, by a seeded draw, to the size of the smallest.
        conflict_test: Test on the bias-conflicting half of the test images only (no group metrics then).
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds the folder ``bffhq``, instead of the data root.

    Example:
        >>> BFFHQ().aligned
        tensor([[ True, False],
                [False,  True]])
    """

    name = "bffhq"
    determines = ("balanced", "conflict_test", "seed")
    class_names = AGES
    group_names = GENDERS
    image_shape = (3, SIZE, SIZE)
    mean = MEAN  # CIFAR-10's, as in FairDD's code
    std = STD
    licence = "BFFHQ (Lee et al., NeurIPS 2021), faces of FFHQ (Karras et al.): non-commercial, CC BY-NC-SA 4.0"

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        balanced: bool = False,
        conflict_test: bool = False,
        validation: float = 0.0,
        root: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed, None if balanced else CONFLICT_RATIO, validation, root)
        self.balanced = balanced
        self.conflict_test = conflict_test

    @property
    def aligned(self) -> Tensor | None:
        """Young and female, old and male; None if balanced."""
        return None if self.balanced else torch.eye(2, dtype=torch.bool)

    @property
    def folder(self) -> Path:
        """The folder of the set."""
        return self.source() / "bffhq"

    def check_source(self) -> None:
        """Check that the folders of images are there."""
        require_dfa(
            self.name,
            self.folder,
            CONFLICT_RATIO,
            f"unpack bffhq.zip (linked at {WEBSITE}) in {str(self.folder.parent)!r}, or set FDD_DATA or `root` to the "
            "folder that holds `bffhq`",
        )

    def source_state(self) -> str:
        """Return a hash of the images' names and sizes."""
        self.check_source()
        return dfa_state(self.folder, CONFLICT_RATIO)

    def build(self) -> dict[str, Split]:
        """Build both splits, in the order of the file names, aligned training images first."""
        files = dfa_files(self.name, self.folder, CONFLICT_RATIO, AGES, GENDERS)
        train, test = files["train"], files["test"]
        if self.balanced:
            train = balanced(train, self.name, AGES, GENDERS, rng.generator(self.seed, "bffhq", "train", "cut"))
        if self.conflict_test:
            test = test.subset((test.targets != test.groups).nonzero().flatten())
        return {
            "train": train.split(resized(SIZE), {BEYOND: len(files["train"]) - len(train)}),
            "test": test.split(resized(SIZE), {"aligned test images": len(files["test"]) - len(test)}),
        }
