"""A biased folder of drawn textures: the class is the pattern, and most of its images have the class's own tint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.fakes_folder import write_table

PATTERNS = ("bars", "checks", "rows", "slopes")
TINTS = {"amber": (235, 170, 60), "blue": (70, 110, 230), "green": (80, 190, 90), "rose": (225, 90, 150)}
SIZE = 16


def pattern(name: str, rng: np.random.Generator) -> np.ndarray:
    """Draw a pattern of its own phase and period, on the scale 0..1, with much noise."""
    down, across = np.mgrid[:SIZE, :SIZE] + rng.integers(0, SIZE)
    period = rng.integers(4, 6)
    place = {"bars": across, "rows": down, "slopes": across + down}.get(name)
    wave = (down // 2 + across // 2) % 2 if place is None else (place % period) * 2 // period
    return np.asarray(np.clip(0.5 + 0.35 * (wave - 0.5) + 0.12 * rng.standard_normal((SIZE, SIZE)), 0, 1))


def write_tinted(folder: Path, majority: int, minority: int) -> Path:
    """Write so many images of each pattern in its own tint and in each other tint; return their table."""
    rng = np.random.default_rng(7)
    rows = []
    for c, name in enumerate(PATTERNS):
        for g, tint in enumerate(TINTS):
            for i in range(majority if c == g else minority):
                shade = pattern(name, rng)[..., None] * np.array(TINTS[tint]) * rng.uniform(0.8, 1.1)
                path = folder / name / f"{tint}{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.clip(shade, 0, 255).astype(np.uint8)).save(path)
                rows.append((f"{name}/{path.name}", name, tint))
    return write_table(folder / "labels.csv", rows)
