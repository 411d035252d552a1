"""How much a stage will compute, as far as its configuration says that: for the time in a plan, never for a result."""

from __future__ import annotations

from dataclasses import dataclass

from fdd_lightning.configuration.choices import Spec
from fdd_lightning.datamodules import BaseDataModule


@dataclass(frozen=True)
class Extent:
    """How large the data of a stage are.

    Attributes:
        num_classes: Number of classes.
        image_shape: (C, H, W).
        batch_size: Images of a training batch.
        train: Training images.
        test: Test images; a fifth of the former where that is not known before they are built.
        per_class: Images per class of the set that an evaluation trains on; None for the training images.

    Example:
        >>> Extent(num_classes=2, image_shape=(3, 8, 8), batch_size=256, train=100, test=20).per_class is None
        True
    """

    num_classes: int
    image_shape: tuple[int, int, int]
    batch_size: int
    train: int
    test: int
    per_class: int | None = None

    @classmethod
    def of(cls, data: BaseDataModule, per_class: int | None = None) -> Extent | None:
        """Return the extent of a data module that need not be set up; None where its size is not known yet."""
        counts = None if data.missing is not None else data.class_counts()
        if counts is None:
            return None
        train = sum(counts)
        return cls(data.num_classes, data.image_shape, data.batch_size, train, train // 5, per_class)


@dataclass(frozen=True)
class Workload:
    """How many images pass through a network.

    Attributes:
        network: The network, as a spec; None where none is needed.
        looked_at: Images that pass forward only.
        learned_from: Images that pass forward and backward.

    Example:
        >>> Workload(None).learned_from
        0
    """

    network: Spec | None
    looked_at: int = 0
    learned_from: int = 0
