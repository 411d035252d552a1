"""Random real images."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.matching.selectors.base import Selector, enough
from fdd_lightning.matching.weightings import WeightMatrix


class Random(Selector):
    """Draws by the rows of W in turn, without repetition.

    Under ``Vanilla`` these are uniform draws, under ``FairDD`` as many images of each group as possible, under
    ``KDE`` draws by weight. The rows come in a random order, so that fewer images than rows favour no group.
    """

    def select(
        self, weights: WeightMatrix, count: int, generator: torch.Generator, features: Tensor | None = None
    ) -> Tensor:
        """Return ``count`` positions; a row whose images are used up is passed over."""
        enough(weights, count)
        rows = weights.rows.double().cpu()[torch.randperm(len(weights.rows), generator=generator)].clone()
        chosen: list[int] = []
        turn = 0
        while len(chosen) < count:
            if not rows.any():  # weights so small that they are 0: what is left is drawn uniformly
                rows += 1.0
                rows[:, chosen] = 0.0
            row = rows[turn % len(rows)]
            if row.any():
                pick = int(torch.multinomial(row, 1, generator=generator))
                chosen.append(pick)
                rows[:, pick] = 0.0
            turn += 1
        return torch.tensor(chosen)
