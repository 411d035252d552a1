"""A learner's count of its updates, and the draws that it names by them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fdd_lightning.utils import rng


class Clock(nn.Module):
    """Counts updates; it is part of the learner's state, so a checkpoint resumes exactly.

    Its seed is that of torch's default generator when it is built, so learners that start from different parameters
    have different draws as well. Both numbers stay on the CPU: reading them waits for no device.

    Attributes:
        step: Updates so far.
        seed: Seed of the draws.
    """

    def __init__(self) -> None:
        super().__init__()
        self.step = 0
        self.seed = torch.initial_seed() & ((1 << 63) - 1)

    def tick(self) -> None:
        """Count an update."""
        self.step += 1

    def generator(self, purpose: str) -> torch.Generator:
        """Return the CPU generator of a purpose at this step."""
        return rng.generator(self.seed, purpose, self.step)

    def get_extra_state(self) -> Tensor:
        """Return seed and step."""
        return torch.tensor([self.seed, self.step])

    def set_extra_state(self, state: Tensor) -> None:
        """Take seed and step back."""
        self.seed, self.step = (int(number) for number in state)
