"""UTKFace: age, gender or race, with the others as protected attribute."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.files import image_files, listing
from fdd_lightning.datasets.labelled import product_names
from fdd_lightning.datasets.utkface import LICENCE, field_names, utkface
from fdd_lightning.errors import ConfigError, DatasetNotFoundError

Field = Literal["age", "gender", "race"]
FIELDS = ("age", "gender", "race")


class UTKFace(BaseDataModule):
    """UTKFace as in FairDD: 64x64 faces, three age classes, race (four values, "others" left out) as group.

    The test split has equally many images of every (class, group) cell: 100, or half of the smallest cell; the rest is
    for training (1,200 and 20,813 of the official faces). The bias is the set's own.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the test and validation cuts and of the order of training batches.
        target: What the classes are: age, gender or race.
        group: The protected attribute: another of these, or a list of two for their product.
        age_bins: First ages of the second and all later age classes, in years: [20, 40] makes under 20, 20 to 39, 40
            and over.
        balanced: Cut every (class, group) cell of the training split, by a seeded draw, to the size of the smallest.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds the folder ``UTKFace`` of aligned and cropped faces, instead of the data root.
    """

    name = "utkface"
    determines = ("target", "group", "age_bins", "balanced", "seed")
    image_shape = (3, 64, 64)
    mean = (0.61359, 0.47225, 0.40703)
    std = (0.25493, 0.23054, 0.22835)
    licence = LICENCE

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        target: Field = "age",
        group: Field | list[Field] = "race",
        age_bins: Sequence[int] = (20, 40),
        balanced: bool = False,
        validation: float = 0.0,
        root: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed, None, validation, root)
        self.groups = [group] if isinstance(group, str) else list(group)
        self.age_bins = list(age_bins)
        self.balanced = balanced
        strange = {target, *self.groups} - set(FIELDS)
        if strange or not self.groups or len({target, *self.groups}) != 1 + len(self.groups):
            raise ConfigError(
                f"{self.name}: target={target} and group={group}: a group is one or two of "
                f"{', '.join(FIELDS)} that are not the target"
            )
        self.target = target
        self.group = self.groups[0] if len(self.groups) == 1 else self.groups
        if not age_bins or age_bins[0] < 1 or any(low >= high for low, high in pairwise(age_bins)):
            raise ConfigError(
                f"{self.name}: age_bins={self.age_bins}: first ages of classes, increasing, as in [20, 40]"
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The age classes, genders or races."""
        return field_names(self.target, self.age_bins)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The values of the group, or of the product of groups."""
        return product_names([field_names(name, self.age_bins) for name in self.groups])

    @property
    def folder(self) -> Path:
        """The folder of the images."""
        return self.source() / "UTKFace"

    def check_source(self) -> None:
        """Check that the folder of images is there."""
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            raise DatasetNotFoundError(
                f"utkface: no images in {str(self.folder)!r}: unpack UTKFace.tar.gz (aligned and cropped faces, linked "
                f"at https://susanqq.github.io/UTKFace) in {str(self.folder.parent)!r}, or set FDD_DATA or `root` "
                "to the folder that holds `UTKFace`"
            )

    def source_state(self) -> str:
        """Return a hash of the images' names and sizes."""
        self.check_source()
        return listing(self.folder, image_files(self.folder))

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.utkface`)."""
        return utkface(self.folder, self.target, self.groups, self.age_bins, self.balanced, self.seed)
