"""Group labels of which a share is wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.groupings.base import Grouping
from fdd_lightning.utils.rng import hashed_uniforms


class WrongLabels(Grouping):
    """The labels, each replaced at a given rate by another group: what careless labels would cost.

    Which images are mislabelled, and as what, is fixed for the whole run: it depends on the seed and on the image's
    place in the training set alone. Each of the other groups is equally likely. Only the weighting is misled: samplers
    and evaluation read the true labels.

    A little is much where groups are small. With ten groups and a majority of 90%, a rate of 0.2 makes two thirds of
    the images that pass for a minority group images of the majority.

    Args:
        rate: Probability, in 0..1, that a label is replaced.
        seed: Seed of the mistakes; the distiller's own seed does not change them.
    """

    needs_groups = True
    needs_index = True

    def __init__(self, rate: float = 0.2, seed: int = 0) -> None:
        if not 0 <= rate <= 1:
            raise ConfigError(f"WrongLabels rate is a probability in 0..1, not {rate}")
        self.rate = rate
        self.seed = seed

    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the labels with the mistakes."""
        groups, count, index = evidence.groups, evidence.num_groups, evidence.index
        if groups is None or count is None or index is None:
            raise ConfigError("grouping WrongLabels needs the group of every image: use a data set with groups")
        if count < 2:
            raise ConfigError("grouping WrongLabels needs a second group to take for the first: use Labels")
        wrong = hashed_uniforms(index, self.seed, "wrong labels") < self.rate
        shift = 1 + (hashed_uniforms(index, self.seed, "taken for") * (count - 1)).long()
        return torch.where(wrong, (groups + shift) % count, groups)
