"""BFFHQ: faces whose age is the class and whose gender goes with it (Lee et al., NeurIPS 2021), from DFA's folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datamodules.natural_bias import NaturalBias
from fdd_lightning.datamodules.original import CIFAR10_MEAN, CIFAR10_STD
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.dfa_folders import WEBSITE, dfa_files, dfa_state, require_dfa
from fdd_lightning.datasets.image_files import resized
from fdd_lightning.datasets.labelled_files import BEYOND

SIZE = 64
CONFLICT_RATIO = 0.005

AGES = ("young", "old")
GENDERS = ("female", "male")


class BFFHQ(NaturalBias):
    """BFFHQ: 64x64 faces, young or old, gender as group; 19,200 training images of which 96 conflict with the bias.

    The test split has 1,000 images, 250 of each (class, group) cell; DFA and SelecMix report on its conflicting half.
    The folder ``bffhq`` of the data root is read.

    Args:
        conflict_test: Test on the bias-conflicting half of the test images only (no group metrics then).

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
    mean = CIFAR10_MEAN  # as in FairDD's code
    std = CIFAR10_STD
    licence = "BFFHQ (Lee et al., NeurIPS 2021), faces of FFHQ (Karras et al.): non-commercial, CC BY-NC-SA 4.0"

    def __init__(self, *, conflict_test: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conflict_ratio = None if self.balanced else CONFLICT_RATIO
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
        """Return a hash of the images' names and contents."""
        self.check_source()
        return dfa_state(self.folder, CONFLICT_RATIO)

    def build(self) -> dict[str, Split]:
        """Build both splits, in the order of the file names, aligned training images first."""
        files = dfa_files(self.name, self.folder, CONFLICT_RATIO, AGES, GENDERS)
        train, test = self.train_files(files["train"]), files["test"]
        if self.conflict_test:
            test = test.subset((test.targets != test.groups).nonzero().flatten())
        return {
            "train": train.split(resized(SIZE), {BEYOND: len(files["train"]) - len(train)}, test.files),
            "test": test.split(resized(SIZE), {"aligned test images": len(files["test"]) - len(test)}),
        }
