"""Background Fashion-MNIST of Cui et al.: garments of Fashion-MNIST in front of scenes, each class mostly in its own.

No code or file of it was published. Fixed by the paper (A.5) are both sources, the sizes, 1/2/5% of conflicting images,
and two pairs: T-shirts in bamboo forests, trousers in living rooms. The rest is ours: the scenes are the ten of BAM
(Yang & Kim 2019), which the paper follows, with the living room for its bedroom; the eight pairs left are the eight
scenes left in alphabetical order; and how garment and scene are laid on each other.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Generator, Tensor

from fdd_lightning.datamodules.original import FromOriginal
from fdd_lightning.datasets import Split, textures
from fdd_lightning.datasets.assignment import biased_cells, deal
from fdd_lightning.datasets.image_files import told_left_out
from fdd_lightning.datasets.originals import FASHION_MNIST
from fdd_lightning.datasets.scenes import LICENCE, find_scenes, read_scenes, scenes_folder, scenes_state, some_names
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng
from fdd_lightning.utils.files import fingerprint
from fdd_lightning.utils.plain_text import on_disk

Composite = Literal["alpha", "mask"]
COMPOSITES: tuple[Composite, ...] = ("alpha", "mask")

SCENES = (
    "bamboo_forest",  # T-shirt/top (paper)
    "living_room",  # Trouser (paper)
    "bowling_alley",  # Pullover
    "bus_interior",  # Dress
    "cockpit",  # Coat
    "corn_field",  # Sandal
    "laundromat",  # Shirt
    "runway",  # Sneaker
    "ski_slope",  # Bag
    "track_outdoor",  # Ankle boot
)
"""The scene of each class, and of each group."""

NUM_CLASSES = len(SCENES)
SIZE = 32
CHUNK = 256


def background_of(groups: Tensor, counts: Sequence[int], generator: Generator) -> Tensor:
    """Choose a background for every image: within a group all are used equally often, or once more, in drawn order.

    Returns:
        int64, (N,), places in the backgrounds of all groups, group after group; ``counts`` says how many each has.
    """
    choice = torch.empty_like(groups)
    first = 0
    for group, count in enumerate(counts):
        members = (groups == group).nonzero().flatten()
        # Both are shuffled: the ones used once more are drawn, and so is who gets which.
        order = torch.randperm(count, generator=generator)
        use = order[torch.arange(len(members)) % count]
        choice[members] = first + use[torch.randperm(len(members), generator=generator)]
        first += count
    return choice


def composited(images: Tensor, backgrounds: Tensor, choice: Tensor, composite: Composite) -> Iterator[Tensor]:
    """Lay garments, padded by two on every side, on their backgrounds.

    ``alpha``: with a = grey / 255, a * grey + (1 - a) * background, rounded; dark cloth lets the scene shine through.
    ``mask``: the garment's grey where it is above 0, the background elsewhere.

    Args:
        images: uint8, (N, 28, 28).
        backgrounds: uint8, (M, 3, 32, 32).
        choice: int64, (N,), the background of each image.
        composite: ``alpha`` or ``mask``.

    Yields:
        uint8, (n, 3, 32, 32), n at most 256.
    """
    margin = (SIZE - images.shape[-1]) // 2
    # NumPy: small steps in 16 bits on one core are faster than what threads gain, most of all on a busy machine.
    greys, banks, choices = images.numpy(), backgrounds.numpy(), choice.numpy()
    margins = (0, 0), (margin, margin), (margin, margin)
    for start in range(0, len(images), CHUNK):
        grey = np.pad(greys[start : start + CHUNK], margins)[:, None]
        back = banks[choices[start : start + CHUNK]]
        if composite == "mask":
            yield torch.from_numpy(np.where(grey > 0, grey, back))
        else:
            level = grey.astype(np.uint16)
            mixed = (255 - level) * back + level * level  # 255 times the result
            mixed += 128  # division by 255, rounded: exact for all that two bytes can give
            mixed += mixed >> 8
            yield torch.from_numpy((mixed >> 8).astype(np.uint8))


TEXTURES = "textures"


class BGFMNIST(FromOriginal):
    """Fashion-MNIST in front of ten scenes, each class mostly in its own; 60,000 and 10,000 images, 32x32.

    Scenes of the training images come from the photographs for training, those of the test from the ones for
    validation; every class of the test is evenly in all ten. Each photograph is resized as a whole. Scenes
    are never fetched.

    Args:
        conflict_ratio: Share of the training images in front of another scene than their class's own; published are
            0.01, 0.02 and 0.05 (600, 1,200 and 3,000 of 60,000). Null for the unbiased twin, all ten scenes evenly.
        scenes: Folder of scenes, relative to the current one: ``{train,val}/<scene>/*.jpg``, or MiniPlaces as published
            (``images``, ``train.txt``, ``val.txt``, ``categories.txt``), or ``<scene>/*.jpg``, of which one image in
            ten is for the test. Null: ``scenes`` or ``miniplaces`` in the data root. ``textures``: ten drawn patterns,
            which no paper has, for when there are no photographs.
        scene_names: The scene of each class, ten names of folders. Null: those of the paper, or, where ``scenes`` has
            exactly ten others, these in alphabetical order.
        composite: ``alpha`` lays the garment on the scene as opaque as it is bright, ``mask`` fully where it is not
            black.

    Example:
        >>> BGFMNIST(scenes="textures").group_names[:3]
        ('bars', 'checks', 'clouds')
    """

    name = "bg_fmnist"
    determines = ("conflict_ratio", "scenes", "scene_names", "composite", "seed")
    locations = ("scenes",)
    origin = FASHION_MNIST

    def __init__(
        self,
        *,
        conflict_ratio: float | None = 0.05,
        scenes: str | None = None,
        scene_names: list[str] | None = None,
        composite: Composite = "alpha",
        **kwargs: Any,
    ) -> None:
        super().__init__(conflict_ratio=conflict_ratio, **kwargs)
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
        return SCENES if self.scenes is None else some_names(on_disk(Path(self.scenes).expanduser()), SCENES)

    @property
    def licence(self) -> str:
        """One line about garments and scenes."""
        behind = {None: LICENCE, TEXTURES: "backgrounds drawn by this package"}
        return f"{super().licence}; {behind.get(self.scenes, 'backgrounds of your own folder of scenes')}"

    def check_source(self) -> None:
        """Check that Fashion-MNIST and the scenes are there."""
        super().check_source()
        if self.scenes != TEXTURES:
            find_scenes(*self._scenes)

    def source_state(self) -> str | None:
        """Return a hash of the photographs' names and contents; None for drawn textures."""
        changed, scenes = super().source_state(), None if self.scenes == TEXTURES else scenes_state(*self._scenes)
        return scenes if changed is None else fingerprint([changed, scenes])

    def build(self) -> dict[str, Split]:
        """Build both splits, having said which files of the scenes are left out."""
        if self.scenes != TEXTURES:
            others: Counter[str] = Counter()
            find_scenes(*self._scenes, others)
            sys.stderr.write("".join(f"{self.name}: {line}\n" for line in told_left_out(others)))
        return super().build()

    def backgrounds(self, split: str) -> list[Tensor]:
        """Return the backgrounds of each group for one split: uint8, (n, 3, 32, 32), at least one each."""
        if self.scenes == TEXTURES:
            return textures.textures(SIZE, self.seed, split)
        return read_scenes(find_scenes(*self._scenes)[split], SIZE)

    @classmethod
    def places(cls, arguments: Mapping[str, Any]) -> list[str]:
        """Return ``scenes``, unless they are drawn."""
        return super().places({key: value for key, value in arguments.items() if value != TEXTURES})

    @property
    def own_paths(self) -> list[Path]:
        """The folder of scenes."""
        return [on_disk(Path(self.scenes).expanduser())] if self.scenes not in (None, TEXTURES) else []

    def construct(self, images: Tensor, labels: Tensor, split: str) -> Split:
        """Build one split, in Fashion-MNIST's order; images in chunks.

        Exactly ``round(conflict_ratio * N)`` training images conflict, spread over classes, and over the nine other
        scenes, as evenly as possible, at random within a class.
        """
        banks = self.backgrounds(split)
        groups, choice = self._assigned(labels, banks, split)
        return Split(composited(images, torch.cat(banks), choice, self.composite), labels, groups)

    def _assigned(self, labels: Tensor, banks: Sequence[Tensor], split: str) -> tuple[Tensor, Tensor]:
        """Return each image's group, and the place of its background among those of all groups."""
        ratio = self.conflict_ratio if split == "train" else None
        conflicting = None if ratio is None else round(ratio * len(labels))
        generator = rng.generator(self.seed, "bg_fmnist", split, "cells")
        cells = biased_cells(torch.bincount(labels, minlength=NUM_CLASSES), conflicting, NUM_CLASSES, generator)
        groups = deal(labels, cells, rng.generator(self.seed, "bg_fmnist", split, "deal"))
        draws = rng.generator(self.seed, "bg_fmnist", split, "backgrounds")
        return groups, background_of(groups, [len(bank) for bank in banks], draws)

    def built_sources(self) -> Tensor:
        """Return which photograph is behind each training image; some 24 share one."""
        return self._assigned(self.load(train=True)[1], self.backgrounds("train"), "train")[1]

    @property
    def _scenes(self) -> tuple[Path, tuple[str, ...], int]:
        """The folder of scenes, the names wanted and the seed of the cut, if the folder has no splits."""
        folder = scenes_folder(self.source()) if self.scenes is None else on_disk(Path(self.scenes).expanduser())
        return folder, self.group_names, self.seed
