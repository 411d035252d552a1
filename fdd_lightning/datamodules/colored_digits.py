"""ColoredDigits, the set that works on any machine, without files and without a network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.colored_digits import NUM_CLASSES, SIZE, colored_digits
from fdd_lightning.datasets.colors import FAIRDD_COLOR_NAMES


class ColoredDigits(BaseDataModule):
    """scikit-learn's 1,797 handwritten digits, 16x16, in FairDD's ten colours on black.

    500 digits, drawn by the seed and stratified by class, are the test, each shown in all ten colours (5,000 images, 50
    digits or so per cell); the other 1,297 are for training.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the split, of the colours, of the validation cut and of the order of training batches.
        conflict_ratio: Share of each training class in another colour than its own, evenly over the nine others;
            null for the unbiased twin, all ten colours evenly.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
    """

    name = "colored_digits"
    reads_root = False
    class_names = tuple(str(digit) for digit in range(NUM_CLASSES))
    group_names = FAIRDD_COLOR_NAMES
    image_shape = (3, SIZE, SIZE)
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    licence = (
        "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998; UCI, CC BY 4.0), as bundled with "
        "scikit-learn"
    )

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = 0.1,
        validation: float = 0.0,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed, conflict_ratio=conflict_ratio, validation=validation)

    @property
    def aligned(self) -> Tensor | None:
        """Class c in colour c; None for the unbiased twin."""
        return None if self.conflict_ratio is None else torch.eye(NUM_CLASSES, dtype=torch.bool)

    def build(self) -> dict[str, Split]:
        """Build both splits (see :func:`~fdd_lightning.datasets.colored_digits.colored_digits`)."""
        from sklearn.datasets import load_digits  # slow to import, needed only to build

        digits: Any = load_digits()  # its annotation covers all that it can be asked to return
        images, labels = torch.from_numpy(digits.images), torch.from_numpy(digits.target)
        return colored_digits(images.to(torch.uint8), labels.to(torch.int64), self.conflict_ratio, self.seed)
