"""A sampler: a window that moves over the class."""

import torch

from fdd_lightning.matching.samplers import Sampler


class Window(Sampler):
    """The images of the class in their order, ``batch_size`` at a time."""

    def draw(self, data, target, step, generator, network):
        """Return the next places."""
        members = data.members(target)
        first = step * self.batch_size
        return members[(torch.arange(min(self.batch_size, len(members))) + first) % len(members)]
