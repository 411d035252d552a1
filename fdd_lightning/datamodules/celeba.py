"""CelebA: attributes of faces, any of them as target and as protected attributes."""

from __future__ import annotations

from pathlib import Path

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.celeba import (
    ATTRIBUTES,
    LICENCE,
    PARTITION,
    attribute_values,
    celeba,
    require_attributes,
    require_celeba,
    table,
)
from fdd_lightning.datasets.labelled import product_names
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import files


class CelebA(BaseDataModule):
    """CelebA as in FairDD: 64x64 faces, attractive or not, gender as group; 162,770 training images.

    The test split is cut to its smallest (class, group) cell: 7,656 images, four times 1,914, with the attributes of
    the paper. The bias is the set's own; the official validation images are not used.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the test and validation cuts and of the order of training batches.
        target: Attribute that makes the two classes, as list_attr_celeba.txt names it.
        group: Protected attribute, or a list of several for their product, such as [Male, Wearing_Necktie].
        balanced: Cut every (class, group) cell of the training split, by a seeded draw, to the size of the smallest.
        cut_test: Cut the test split to its smallest cell, as the paper does; false: all 19,962 test images, which
            serves attributes with rare combinations.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds the folder ``celeba``, instead of the data root.
    """

    name = "celeba"
    determines = ("target", "group", "balanced", "cut_test", "seed")
    image_shape = (3, 64, 64)
    mean = (0.5063, 0.4258, 0.3832)
    std = (0.2676, 0.2453, 0.2410)
    licence = LICENCE

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        target: str = "Attractive",
        group: str | list[str] = "Male",
        balanced: bool = False,
        cut_test: bool = True,
        validation: float = 0.0,
        root: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed, None, validation, root)
        self.groups = [group] if isinstance(group, str) else list(group)
        if not self.groups or len({target, *self.groups}) != 1 + len(self.groups):
            raise ConfigError(f"{self.name}: target={target} and group={group}: name different attributes")
        self.target = target
        self.group = self.groups[0] if len(self.groups) == 1 else self.groups
        self.balanced = balanced
        self.cut_test = cut_test

    @property
    def class_names(self) -> tuple[str, ...]:
        """Without the target attribute, and with it."""
        return attribute_values(self.target)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Without the group attribute, and with it; all combinations of several."""
        return product_names([attribute_values(name) for name in self.groups])

    @property
    def folder(self) -> Path:
        """The folder of the tables and of the images' folder."""
        return self.source() / "celeba"

    def check_source(self) -> None:
        """Check that tables and images are there, and that the table has the attributes."""
        require_celeba(self.folder)
        require_attributes(table(self.folder, ATTRIBUTES), [self.target, *self.groups])

    def source_state(self) -> str:
        """Return a hash of the two tables: they name all images."""
        require_celeba(self.folder)
        return files.fingerprint([files.sha256_file(table(self.folder, name)) for name in (ATTRIBUTES, PARTITION)])

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.celeba`)."""
        return celeba(self.folder, self.target, self.groups, self.balanced, self.cut_test, self.seed)
