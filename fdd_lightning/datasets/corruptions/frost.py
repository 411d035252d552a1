"""Frost: a texture laid over the image; where the textures come from.

The published textures are photographs that the package imagecorruptions-imaug (Apache-2.0) carries, the same bytes as
in hendrycks/robustness. They are read from its folder; the package is never imported, so that it does for itself,
without OpenCV and Numba (``pip install --no-deps imagecorruptions-imaug``). Without it there are textures drawn here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fdd_lightning.datasets.corruptions.base import SIZE, Array, Generators
from fdd_lightning.datasets.image_decoding import read_image
from fdd_lightning.errors import DependencyNotFoundError, FileFormatError
from fdd_lightning.utils import rng
from fdd_lightning.utils.files import sha256_file

FrostTextures = Literal["photographs", "generated"]

FROST = ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))
"""Weights of the image and of the texture."""

PHOTOGRAPHS = {
    "frost1.png": "ff9f907860bd7a835d459e32f9d588062b7f61ee267343cc7222b56753a14755",
    "frost2.png": "fe211a89b336999c207a852ce05818d4545d0b57c5beadd824b4cc9d9a9b6137",
    "frost3.png": "2d0d50b4a9bb213f38b024ef7768731bb83cc08d2f26b5766bbc167cdfa0e504",
    "frost4.jpg": "3f8b91ca1a9fa7167b09e773da53f5ae60d0a1fd88f02a783f6e328a72887f6e",
    "frost5.jpg": "5fc6a19df4a429ba68abdcc8f8a4278d4c9f81c9ccafd2c92ab0c8cf8992ebd2",
}
"""The five textures that the published code can draw, and their SHA-256; it never draws the sixth."""

PACKAGE = "imagecorruptions"
GENERATED_SIZE = (96, 144)


def frost(images: Array, level: int, generators: Generators, textures: FrostTextures = "photographs") -> Array:
    """Add a randomly drawn part of a randomly drawn texture."""
    kept, added = FROST[level - 1]
    out = np.empty_like(images)
    choice = load_textures(textures)
    for place, generator in enumerate(generators):
        texture = choice[generator.integers(len(choice))]
        top, left = (int(generator.integers(side - SIZE)) for side in texture.shape[:2])
        out[place] = kept * images[place] + added / 255 * texture[top : top + SIZE, left : left + SIZE]
    return out


def best_textures() -> FrostTextures:
    """Return ``photographs`` where they are installed, or else ``generated``."""
    return "photographs" if _folder() is not None else "generated"


@lru_cache
def load_textures(kind: FrostTextures) -> tuple[NDArray[np.uint8], ...]:
    """Return the five textures, uint8, (H, W, 3), at the scale that they are laid on.

    Raises:
        DependencyNotFoundError: Photographs are asked for, and not installed.
        FileFormatError: A photograph is not the published one.
    """
    if kind == "generated":
        return tuple(_drawn_texture(number) for number in range(len(PHOTOGRAPHS)))
    folder = _folder()
    if folder is None:
        raise DependencyNotFoundError(
            "the photographs of frost are not installed: pip install --no-deps imagecorruptions-imaug (2 MB, only its "
            "image files are used), or pass frost='generated'"
        )
    textures = []
    for name, sha256 in PHOTOGRAPHS.items():
        if not (folder / name).is_file() or sha256_file(folder / name) != sha256:
            raise FileFormatError(
                f"frost texture {str(folder / name)!r} is not the published one: reinstall imagecorruptions-imaug, or "
                "pass frost='generated'"
            )
        # Bilinear shrinking to a fifth, without smoothing first, reads exactly the middle one of every five pixels.
        textures.append(np.asarray(read_image(folder / name))[2::5, 2::5])
    return tuple(textures)


def _folder() -> Path | None:
    spec = find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        if Path(place, "frost").is_dir():
            return Path(place, "frost")
    return None


def _drawn_texture(number: int) -> NDArray[np.uint8]:
    """Draw needles of ice over clouds, pale blue; brightness and spread are about those of the photographs."""
    from scipy.ndimage import gaussian_filter

    # The same for every seed of a data set: textures are material, not a draw.
    generator = np.random.default_rng(rng.derive(0, "frost texture", number))
    height, width = GENERATED_SIZE
    clouds = sum(
        weight * _standardised(gaussian_filter(generator.standard_normal(GENERATED_SIZE), sigma, mode="wrap"))
        for sigma, weight in ((12, 0.8), (5, 0.5), (0.7, 0.4))
    )
    heading = gaussian_filter(generator.uniform(-1, 1, GENERATED_SIZE), 8, mode="wrap")
    canvas = Image.new("F", (width, height))
    pen = ImageDraw.Draw(canvas)
    for _ in range(900):
        y, x = int(generator.integers(height)), int(generator.integers(width))
        # Needles side by side point the same way, or branch off at 60 degrees, as ice does.
        angle = 40 * heading[y, x] + math.pi / 3 * generator.integers(3)
        length = 2 + generator.exponential(4)
        end = x + length * math.cos(angle), y + length * math.sin(angle)
        pen.line([(x, y), end], fill=float(generator.uniform(-0.6, 1)), width=1)
    frosted = _standardised(clouds + 1.6 * np.asarray(canvas, dtype=np.float64))
    blue = np.array([0.92, 1.0, 1.07])
    colored: Array = (158 + 32 * frosted)[..., None] * blue
    return colored.clip(0, 255).astype(np.uint8)


def _standardised(values: Array) -> Array:
    standardised: Array = (values - values.mean()) / values.std()
    return standardised
