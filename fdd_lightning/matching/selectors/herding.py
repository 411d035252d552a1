"""Herding: real images whose mean is that of the weighted class."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.matching.selectors.base import Selector, enough, required
from fdd_lightning.matching.weightings import WeightMatrix


class Herding(Selector):
    """Greedy herding towards W's mean (Welling, ICML 2009; as iCaRL, Rebuffi et al., CVPR 2017, picks exemplars).

    For one row: the k-th image is the x that brings the mean of those picked closest to mu = sum_i w_i phi(x_i), the
    smallest || mu - (phi(x) + sum of those before) / k ||. Several rows take turns, in a random order; each herds its
    own picks to its own mean. Only images that have weight in a row are picked for it, none twice; a row whose images
    are used up is passed over. Under ``Vanilla`` this is herding as known, under ``FairDD`` each group is herded by
    itself, under ``KDE`` and ``Barycenter`` the picks approach the reweighted mean. Following W is ours.
    """

    needs_features = True

    def select(
        self, weights: WeightMatrix, count: int, generator: torch.Generator, features: Tensor | None = None
    ) -> Tensor:
        """Return ``count`` positions."""
        enough(weights, count)
        points = required(features, self)
        rows = weights.rows.cpu()[torch.randperm(len(weights.rows), generator=generator)].to(points)
        means, norms = rows @ points, points.square().sum(1)
        free = rows > 0
        missing = torch.zeros_like(means)  # of each row: k times its mean, less the features picked so far
        chosen: list[int] = []
        turn = 0
        while len(chosen) < count:
            if not free.any():  # all that weighs anything is used up: the others are as good as any
                free[:] = True
                free[:, chosen] = False
            row = turn % len(rows)
            turn += 1
            if not free[row].any():
                continue
            missing[row] += means[row]
            cost = norms - 2.0 * points @ missing[row]  # the distance to what is missing, but for a constant
            pick = int(cost.masked_fill(~free[row], torch.inf).argmin())
            missing[row] -= points[pick]
            free[:, pick] = False
            chosen.append(pick)
        return torch.tensor(chosen)
