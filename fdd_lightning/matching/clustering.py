"""Clustering that comes out the same twice, and k-means for choosing images that stand for their class (DREAM)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.networks import Network


@cache
def _threads() -> Any:
    """Return the control over the threads of scikit-learn's libraries; looking for them takes some milliseconds."""
    import sklearn.cluster  # noqa: F401 (what it loads is what is controlled)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """Hold scikit-learn to one thread: several add up in any order, and a run must come out the same twice."""
    limit: AbstractContextManager[Any] = _threads().limit(limits=1)
    return limit


def representatives(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return the place of the point nearest to each of ``count`` k-means centroids, within its cluster.

    Points are (n, d), at least ``count``; places are int64 (count,), all different.
    """
    from sklearn.cluster import KMeans  # slow to import, needed by few methods

    values = points.detach().float().cpu().numpy()
    start = int(torch.randint(2**31, (1,), generator=generator))
    with one_thread():
        clustering = KMeans(count, n_init=1, random_state=start).fit(values)
    centres, owner = torch.from_numpy(clustering.cluster_centers_), torch.from_numpy(clustering.labels_).long()
    distance = (torch.from_numpy(values) - centres[owner]).square().sum(1)
    clusters = [(owner == k).nonzero()[:, 0] for k in range(count)]
    chosen = torch.stack([members[distance[members].argmin()] for members in clusters if len(members)])
    if len(chosen) < count:  # points that coincide leave clusters empty: others take their place
        free = torch.ones(len(values), dtype=torch.bool).index_fill(0, chosen, False).nonzero()[:, 0]
        chosen = torch.cat([chosen, free[torch.randperm(len(free), generator=generator)[: count - len(chosen)]]])
    return chosen


def nearest_to_centroids(
    data: ImageSet, members: Tensor, count: int, network: Network, generator: torch.Generator
) -> Tensor:
    """Return ``count`` of some images of a class, those nearest to centroids in a network's last feature.

    The network, which is frozen, sees pixels in 0..1 that are neither normalised nor augmented, as in DREAM's code.
    ``members`` are the places in ``data`` of the images to choose from, int64 (n,), at least ``count``.
    """
    points = raw_features(data, members, network)
    return members[representatives(points, count, generator).to(members.device)]


def raw_features(data: ImageSet, members: Tensor, network: Network) -> Tensor:
    """Return a network's last feature of some images, from pixels in 0..1, neither normalised nor augmented; (n, d)."""
    weight = next(network.parameters())
    with torch.no_grad():
        return torch.cat([network.embed(data.pixels(part).to(weight) / 255) for part in members.split(512)])


def shares_of_representatives(points: Tensor, chosen: Tensor, counts: Tensor) -> Tensor:
    """Return the share of all points that each representative stands for, as the nearest one.

    Args:
        points: (n, d).
        chosen: int64 (k,), places of the representatives.
        counts: (n,), how often each point counts.

    Returns:
        float64 (k,), sums to 1, on the CPU.

    Example:
        >>> points = torch.tensor([[0.0], [1.0], [9.0]])
        >>> shares_of_representatives(points, torch.tensor([0, 2]), torch.tensor([1, 1, 2]))
        tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    points = points.detach().double().cpu()
    nearest = torch.cdist(points, points[chosen]).argmin(1)
    masses = torch.zeros(len(chosen), dtype=torch.float64).index_add(0, nearest, counts.double().cpu())
    return masses / masses.sum()
