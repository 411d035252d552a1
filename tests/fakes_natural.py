"""Miniatures of face data sets, laid out as the official archives are; the pictures are coloured noise."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from fdd_lightning import rng


def write_picture(path: Path, size: tuple[int, int] = (12, 12), seed: int = 0) -> Path:
    """Write coloured noise that depends on the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = torch.randint(256, (*size[::-1], 3), dtype=torch.uint8, generator=rng.generator(seed, path.name))
    Image.fromarray(pixels.numpy()).save(path)
    return path


def cut_short(path: Path) -> Path:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


AGES = {(12, 19): (4, 6, 5, 8), (20, 39): (9, 7, 12, 6), (40, 90): (5, 11, 6, 9)}
"""Faces of each race within a range of ages, in the miniature of UTKFace."""


def write_utkface(root: Path, malformed: bool = True) -> Path:
    """Write a miniature UTKFace below ``root``: the cells of :data:`AGES`, others, some malformed names."""
    generator = rng.generator(0, "fake utkface")
    date = 20170116174525000
    for (low, high), counts in AGES.items():
        for race, count in enumerate((*counts, 2)):
            for i in range(count):
                date += 1
                age = int(torch.randint(low, high + 1, (1,), generator=generator)) if i > 1 else (low, high)[i]
                write_picture(root / "UTKFace" / f"{age}_{i % 2}_{race}_{date}.jpg.chip.jpg")
    if malformed:
        for name in ("39_1_20170116174525125", "61_3_20170109150557335", "53__0_20170116184028385", "24_1_7_2017"):
            write_picture(root / "UTKFace" / f"{name}.jpg.chip.jpg")
    return root
