"""Miniatures of face data sets, laid out as the official archives are; the pictures are coloured noise."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from fdd_lightning.utils import rng


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


ATTRIBUTES = ("5_o_Clock_Shadow", "Attractive", "Male", "Wearing_Necktie", "Young")
"""Columns of the miniature of CelebA."""


def celeba_rows(train: int = 90, validation: int = 4, test: int = 50) -> list[tuple[str, tuple[int, ...], int]]:
    """Draw the rows of the miniature of CelebA: name, attributes (1 or -1), split (0, 1, 2)."""
    count = train + validation + test
    draws = torch.rand(count, 5, generator=rng.generator(0, "fake celeba"))
    rows = []
    for i in range(count):
        attractive, male = draws[i, 1] < 0.5, draws[i, 2] < (0.3 if draws[i, 1] < 0.5 else 0.6)
        necktie = (male and draws[i, 3] < 0.4) or draws[i, 3] < 0.1
        present = (draws[i, 0] < 0.1, attractive, male, necktie, draws[i, 4] < 0.7)
        split = 0 if i < train else 1 if i < train + validation else 2
        rows.append((f"{i + 1:06d}.jpg", tuple(1 if value else -1 for value in present), split))
    return rows


def write_celeba(root: Path, kaggle: bool = False) -> Path:
    """Write a miniature CelebA below ``root``: as published, or with the tables and the folders of Kaggle's copy."""
    rows, folder = celeba_rows(), root / "celeba"
    images = folder / "img_align_celeba" / "img_align_celeba" if kaggle else folder / "img_align_celeba"
    for name, _, _ in rows:
        write_picture(images / name, (18, 22))
    if kaggle:
        lines = [",".join((name, *map(str, values))) for name, values, _ in rows]
        (folder / "list_attr_celeba.csv").write_text("\n".join([",".join(("image_id", *ATTRIBUTES)), *lines]) + "\n")
        lines = [f"{name},{split}" for name, _, split in rows]
        (folder / "list_eval_partition.csv").write_text("\n".join(["image_id,partition", *lines]) + "\n")
    else:
        lines = [f"{name} " + " ".join(f"{value:2d}" for value in values) for name, values, _ in rows]
        header = [str(len(rows)), " ".join(ATTRIBUTES) + " "]  # the published header ends with a blank
        (folder / "list_attr_celeba.txt").write_text("\n".join([*header, *lines]) + "\n")
        (folder / "list_eval_partition.txt").write_text("".join(f"{name} {split}\n" for name, _, split in rows))
    return root


DFA_CELLS = ((30, 4), (3, 25))
"""Training images of the miniature of BFFHQ, class by group."""


def write_dfa(
    folder: Path,
    train: tuple[tuple[int, ...], ...] = DFA_CELLS,
    test: int = 5,
    share: str = "0.5pct",
    size: int = 12,
    test_classes: bool = False,
) -> Path:
    """Write a miniature set in DFA's folders: ``train`` images per (class, group) cell, ``test`` of each cell."""
    count = 0
    for target, row in enumerate(train):
        for group, images in enumerate(row):
            part = folder / share / ("align" if target == group else "conflict") / str(target)
            inner = folder / "test" / str(target) if test_classes else folder / "test"
            for where, wanted in ((part, images), (inner, test), (folder / share / "valid", 1)):
                for _ in range(wanted):
                    count += 1
                    write_picture(where / f"{count}_{target}_{group}.png", (size, size))
    return folder
