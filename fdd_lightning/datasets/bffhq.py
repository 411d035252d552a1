"""BFFHQ: faces whose age is the class and whose gender goes with it (Lee et al., NeurIPS 2021), from DFA's folders."""

from __future__ import annotations

from pathlib import Path

from fdd_lightning.datasets.dfa import dfa_sets
from fdd_lightning.datasets.files import resized
from fdd_lightning.datasets.labelled import BEYOND, balanced
from fdd_lightning.datasets.split import Split
from fdd_lightning.utils import rng

LICENCE = "BFFHQ (Lee et al., NeurIPS 2021), faces of FFHQ (Karras et al.): non-commercial, CC BY-NC-SA 4.0"

SIZE = 64
CONFLICT_RATIO = 0.005

AGES = ("young", "old")
GENDERS = ("female", "male")


def bffhq(folder: Path, cut_train: bool, conflict_test: bool, seed: int) -> dict[str, Split]:
    """Build both splits, 3x64x64, in the order of the file names, aligned training images first.

    Args:
        folder: Folder of the set.
        cut_train: Cut every training cell to the size of the smallest.
        conflict_test: Keep only the bias-conflicting test images, as DFA and SelecMix do.
        seed: Seed of the cut.

    Returns:
        ``train`` (19,200 images, 96 of them conflicting) and ``test`` (1,000, balanced).

    Raises:
        DatasetNotFoundError: A folder holds no image.
        FileFormatError: A name says no labels, or a class or a group is empty.
    """
    sets = dfa_sets("bffhq", folder, CONFLICT_RATIO, AGES, GENDERS)
    train, test = sets["train"], sets["test"]
    if cut_train:
        train = balanced(train, "bffhq", AGES, GENDERS, rng.generator(seed, "bffhq", "train", "cut"))
    if conflict_test:
        test = test.subset((test.targets != test.groups).nonzero().flatten())
    return {
        "train": train.split(resized(SIZE), {BEYOND: len(sets["train"]) - len(train)}),
        "test": test.split(resized(SIZE), {"aligned test images": len(sets["test"]) - len(test)}),
    }
