"""Miniature folders of scenes: random pictures, in the layouts that real photographs come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fdd_lightning.datamodules.bg_fmnist import SCENES

COUNTS = {"train": 4, "val": 2}


def write_picture(path: Path, seed: Sequence[int], size: tuple[int, int] = (40, 40)) -> None:
    """Write a picture of random blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(list(seed)).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(path, quality=90)


def write_scenes(folder: Path, names: Sequence[str] = SCENES) -> Path:
    """Write ``{train,val}/<scene>/*.jpg``, and return ``folder``."""
    for s, (split, count) in enumerate(COUNTS.items()):
        for n, name in enumerate(names):
            for i in range(count):
                write_picture(folder / split / name / f"{i + 1:08}.jpg", (s, n, i))
    return folder


def write_flat_scenes(folder: Path, names: Sequence[str] = SCENES, count: int = 12) -> Path:
    """Write ``<scene>/*.jpg`` without splits, and return ``folder``."""
    for n, name in enumerate(names):
        for i in range(count):
            write_picture(folder / name / f"{i:03}.png", (9, n, i))
    return folder


def write_miniplaces(folder: Path, names: Sequence[str] = SCENES, extra: Sequence[str] = ("bakery_shop",)) -> Path:
    """Write the same pictures as :func:`write_scenes`, as MiniPlaces has them, and some of other scenes."""
    lists: dict[str, list[str]] = {"train": [], "val": [], "categories": []}
    everything = sorted([*names, *extra])
    for number, name in enumerate(everything):
        nested = name in ("track_outdoor", "bakery_shop")
        category = f"{name[0]}/{name.replace('_', '/') if nested else name}"
        lists["categories"].append(f"/{category} {number}")
        n = names.index(name) if name in names else 99
        for i in range(COUNTS["train"]):
            place = f"train/{category}/{i + 1:08}.jpg"
            write_picture(folder / "images" / place, (0, n, i))
            lists["train"].append(f"{place} {number}")
    for i in range(COUNTS["val"]):  # scenes in turn, as in the official list
        for number, name in enumerate(everything):
            place = f"val/{len(lists['val']) + 1:08}.jpg"
            write_picture(folder / "images" / place, (1, names.index(name) if name in names else 99, i))
            lists["val"].append(f"{place} {number}")
    for stem, lines in lists.items():
        (folder / f"{stem}.txt").write_text("\n".join(lines) + "\n")
    return folder
