"""What every corruption is: a function of images, a level and one generator per image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

SIZE = 32
"""Side of an image in pixels; the constants of the corruptions hold for this one."""

LEVELS = 5

Array = NDArray[np.float64]
Generators = Sequence[np.random.Generator]

Operator = Callable[[Array, int, Generators], Array]
"""Images, (n, 32, 32, 3) in 0..1, a level in 1..5 and n generators: corrupted images of that shape, not yet clipped.

Image i draws from generator i alone, so it does not matter which images are corrupted together.
"""


def drawn(generators: Generators, draw: Callable[[np.random.Generator], Array]) -> Array:
    """Stack one draw per image: (n, ...)."""
    return np.stack([draw(generator) for generator in generators])


def as_bytes(images: Array) -> NDArray[np.uint8]:
    """Turn values in 0..1 back into the nearest bytes, for operators that work on bytes."""
    return np.rint(images * 255).astype(np.uint8)
