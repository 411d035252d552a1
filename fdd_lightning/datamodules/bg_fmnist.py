"""BG-FMNIST as Cui et al. describe it."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from fdd_lightning.datamodules.idx import IdxDataModule
from fdd_lightning.datasets import Split, textures
from fdd_lightning.datasets.bg_fmnist import COMPOSITES, NUM_CLASSES, SCENES, SIZE, Composite, bg_fmnist
from fdd_lightning.datasets.idx import FASHION_MNIST
from fdd_lightning.datasets.scenes import LICENCE, SceneFiles, find_scenes, read_scenes, scenes_folder, some_names
from fdd_lightning.errors import ConfigError

TEXTURES = "textures"


class BGFMNIST(IdxDataModule):
    """Fashion-MNIST in front of ten scenes, each class mostly in its own; 60,000 and 10,000 images, 32x32.

    Scenes of the training images come from the photographs for training, those of the test from the ones for
    validation; every class of the test is evenly in all ten. Each photograph is resized as a whole.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the construction, of the validation cut and of the order of training batches.
        conflict_ratio: Share of the training images in front of another scene than their class's own; published are
            0.01, 0.02 and 0.05 (600, 1,200 and 3,000 of 60,000). Null for the unbiased twin, all ten scenes evenly.
        validation: Share of the training images set aside for validation, in 0..1, drawn per (class, group) cell.
        root: Folder that holds ``FashionMNIST/raw`` and ``scenes`` or ``miniplaces``, instead of the data root.
        download: Fetch Fashion-MNIST if it is not there; the scenes have to be put there by hand.
        scenes: Folder of scenes, relative to the current one: ``{train,val}/<scene>/*.jpg``, or MiniPlaces as published
            (``images``, ``train.txt``, ``val.txt``, ``categories.txt``), or ``<scene>/*.jpg``, of which one image in
            ten is for the test. Null: ``scenes`` or ``miniplaces`` in the data root. ``textures``: ten drawn patterns,
            which no paper has, for when there are no photographs.
        scene_names: The scene of each class, ten names of folders. Null: those of the paper, or, where ``scenes`` has
            exactly ten others, these in alphabetical order.
        composite: ``alpha`` lays the garment on the scene as opaque as it is bright, ``mask`` fully where it is not
            black.
    """

    name = "bg_fmnist"
    determines = ("conflict_ratio", "scenes", "scene_names", "composite", "seed")
    origin = FASHION_MNIST

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        conflict_ratio: float | None = 0.05,
        validation: float = 0.0,
        root: str | None = None,
        download: bool = False,
        scenes: str | None = None,
        scene_names: list[str] | None = None,
        composite: Composite = "alpha",
    ) -> None:
        super().__init__(batch_size, seed, conflict_ratio, validation, root, download)
        if composite not in COMPOSITES:
            raise ConfigError(f"{self.name}: composite={composite!r}: it must be one of {', '.join(COMPOSITES)}")
        if scene_names is not None and scenes == TEXTURES:
            raise ConfigError(f"{self.name}: scenes='textures' has names of its own: leave out scene_names")
        if scene_names is not None and not len(scene_names) == len(set(scene_names)) == NUM_CLASSES:
            raise ConfigError(
                f"{self.name}: scene_names={list(scene_names)}: name {NUM_CLASSES} different scenes, one per class"
            )
        self.scenes = scenes
        self.scene_names = None if scene_names is None else list(scene_names)
        self.composite: Composite = composite

    @property
    def group_names(self) -> tuple[str, ...]:
        """The scenes, in the order of the classes they belong to."""
        if self.scenes == TEXTURES:
            return textures.NAMES
        if self.scene_names is not None:
            return tuple(self.scene_names)
        return SCENES if self.scenes is None else some_names(Path(self.scenes).expanduser(), SCENES)

    @property
    def licence(self) -> str:
        """One line about garments and scenes."""
        behind = {None: LICENCE, TEXTURES: "backgrounds drawn by this package"}
        return f"{super().licence}; {behind.get(self.scenes, 'backgrounds of your own folder of scenes')}"

    def check_source(self) -> None:
        """Check that Fashion-MNIST and the scenes are there."""
        super().check_source()
        if self.scenes != TEXTURES:
            self._scene_files()

    def source_state(self) -> str | None:
        """Return a hash of the photographs' names and sizes; None for drawn textures."""
        return None if self.scenes == TEXTURES else self._scene_files().state()

    def build(self) -> dict[str, Split]:
        """Build both splits (see :mod:`fdd_lightning.datasets.bg_fmnist`)."""
        how = self.composite, self.seed
        train, test = self._backgrounds()
        return {
            "train": bg_fmnist(*self.load(train=True), train, self.conflict_ratio, *how, "train"),
            "test": bg_fmnist(*self.load(train=False), test, None, *how, "test"),
        }

    def _backgrounds(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the backgrounds of training and test: per group, uint8, (n, 3, 32, 32)."""
        if self.scenes == TEXTURES:
            return textures.textures(SIZE, self.seed, "train"), textures.textures(SIZE, self.seed, "test")
        files = self._scene_files()
        return read_scenes(files.train, SIZE), read_scenes(files.test, SIZE)

    def _scene_files(self) -> SceneFiles:
        folder = scenes_folder(self.source()) if self.scenes is None else Path(self.scenes).expanduser()
        return find_scenes(folder, self.group_names, self.seed)
