"""Random draws that can be repeated: every generator is named by a seed, a purpose and an iteration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


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


@contextmanager
def seeded(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seed torch's global CPU generator inside the block and restore it afterwards.

    For code that takes no generator, such as the initialisation of torch's own layers.
    """
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(derive(seed, *purpose))
    try:
        yield
    finally:
        torch.set_rng_state(state)
