"""CMNIST as Cui et al. use it; FairDD's coloured MNIST is another set, in ``cmnist_fairdd.py``."""

from __future__ import annotations

from pathlib import Path

from fdd_lightning.datamodules.idx import IdxDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.cmnist import cmnist_test, cmnist_train
from fdd_lightning.datasets.colors import LFF_COLOR_NAMES
from fdd_lightning.datasets.dfa import WEBSITE, dfa_files, dfa_sets, padded, require_dfa
from fdd_lightning.datasets.files import listing
from fdd_lightning.datasets.idx import MNIST
from fdd_lightning.errors import ConfigError


class CMNIST(IdxDataModule):
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
        self.folder = folder
        self.reads_root = folder is None
        if folder is not None and conflict_ratio is None:
            raise ConfigError(
                "cmnist: there are no ready-made folders of the unbiased twin: leave out `folder` to generate it"
            )

    @property
    def _ready_made(self) -> tuple[Path, float] | None:
        """The folder of ready-made images and the share wanted; None if the set is generated."""
        if self.folder is None or self.conflict_ratio is None:
            return None
        return Path(self.folder).expanduser(), self.conflict_ratio

    def check_source(self) -> None:
        """Check that MNIST's files, or the ready-made folders, are there."""
        if self._ready_made is None:
            super().check_source()
        else:
            require_dfa(
                self.name,
                *self._ready_made,
                f"let `folder` name the unpacked set (linked at {WEBSITE}), or leave it out to generate it from MNIST",
            )

    def source_state(self) -> str | None:
        """Return a hash of the ready-made images' names and sizes; None for MNIST, which is the same everywhere."""
        if self._ready_made is None:
            return None
        self.check_source()
        train, test = dfa_files(*self._ready_made)
        return listing(self._ready_made[0], [*train, *test])

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.cmnist` and :mod:`fdd_lightning.datasets.dfa`)."""
        if self._ready_made is not None:
            sets = dfa_sets(self.name, *self._ready_made, self.class_names, self.group_names)
            return {split: files.split(padded(self.image_shape[1])) for split, files in sets.items()}
        return {
            "train": cmnist_train(*self.load(train=True), self.conflict_ratio, self.seed),
            "test": cmnist_test(*self.load(train=False), self.seed),
        }
