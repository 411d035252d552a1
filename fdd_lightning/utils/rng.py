"""Random draws that can be repeated: every generator is named by a seed, a purpose and an iteration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def derive(seed: int, *purpose: str | int) -> int:
    """Derive a 63-bit seed from a run's seed and what the draw is for.

    Args:
        seed: The run's seed.
        *purpose: What the draw is for and, for repeated draws, its iteration: ``("real batch", step, class)``.

    Returns:
        An integer in [0, 2**63), the same on every machine and in every process.
    """
    text = "\x1f".join([str(int(seed)), *(f"{type(p).__name__}:{p}" for p in purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a CPU generator for one purpose (see :func:`derive`).

    Draws are made on the CPU whatever the device, so that a run does not depend on it.
    """
    return torch.Generator().manual_seed(derive(seed, *purpose))


def hashed_uniforms(index: Tensor, seed: int, *purpose: str | int) -> Tensor:
    """Return for each number a uniform draw of its own, which depends on nothing but the number, seed and purpose.

    For what belongs to an image and not to a step: no generator is made for each image, no order matters. The hash is
    splitmix64 (Steele et al., OOPSLA 2014), read at ``index`` from a start that seed and purpose give.

    Args:
        index: int64, any shape.
        seed: The run's seed.
        *purpose: What the draw is for.

    Returns:
        float64 in [0, 1), the shape and device of ``index``.
    """

    def shifted(bits: Tensor, by: int) -> Tensor:  # torch shifts the sign in from the left
        return (bits >> by) & ((1 << (64 - by)) - 1)

    def signed(number: int) -> int:
        return number - (1 << 64) if number >= 1 << 63 else number

    bits = index * signed(0x9E3779B97F4A7C15) + derive(seed, *purpose)
    bits = (bits ^ shifted(bits, 30)) * signed(0xBF58476D1CE4E5B9)
    bits = (bits ^ shifted(bits, 27)) * signed(0x94D049BB133111EB)
    bits = bits ^ shifted(bits, 31)
    return shifted(bits, 11).double() * 2.0**-53


@contextmanager
def seeded(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seed torch's global CPU generator inside the block and restore it afterwards.

    For code that takes no generator, such as the initialisation of torch's own layers.
    """
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(derive(seed, *purpose))
        yield
