"""The weights of some real images, as a report shows them: computed once a set is made, so that nothing hangs on it."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.artefacts.weights import RealWeights
from fdd_lightning.modules.weighing import WeighingModule

AT_ONCE = 3000
"""Images of a class that are weighed against each other, evenly spread over it."""
KEPT = 2000
"""Images that are kept, all classes together, ..."""
OF_A_CELL = 5
"""... and of each (class, group) at least, where it has so many."""


def kept_weights(module: WeighingModule) -> RealWeights:
    """Return the weights of some images of each class, after the module's set-up."""
    targets, groups = module.real.targets.cpu(), module.real.groups.cpu()
    places, weights, represents = [], [], []
    for target in range(module.data.num_classes):
        members = (targets == target).nonzero().flatten()
        weighed = _spread(members, AT_ONCE)
        # Not by `weigh`, which warns: what there was to be said has been said.
        row = module.weighting(module.evidence(weighed)).mixed().rows[0].cpu() * len(weighed)
        for group in groups[weighed].unique():
            cell = (groups[weighed] == group).nonzero().flatten()
            share = round(KEPT / module.data.num_classes * len(cell) / len(weighed))
            shown = _spread(cell, max(OF_A_CELL, share))
            places.append(weighed[shown])
            weights.append(row[shown])
            represents.append(torch.full((len(shown),), len(members) / len(weighed) * len(cell) / len(shown)))
    index = torch.cat(places)
    aligned, embeddings = module.data.alignment, module.embeddings
    return RealWeights(
        targets[index],
        groups[index],
        torch.cat(weights).float(),
        torch.cat(represents),
        None if aligned is None else ~aligned[targets[index], groups[index]],
        None if embeddings is None else main_directions(embeddings[index.to(embeddings.device)].cpu()),
        {
            "dataset": module.data.name,
            "class_names": list(module.data.class_names),
            "group_names": list(module.data.group_names),
            "weighting": module.weighting.name,
        },
    )


def _spread(places: Tensor, most: int) -> Tensor:
    """Return so many of some places at most, evenly spread."""
    return places[torch.linspace(0, len(places) - 1, min(most, len(places))).round().long()]


def main_directions(points: Tensor) -> Tensor:
    """Return points (n, d) along the two directions in which they vary most, float32 (n, 2).

    Example:
        >>> main_directions(torch.tensor([[0.0, 3.0], [0.0, -3.0]]))
        tensor([[ 3.,  0.],
                [-3.,  0.]])
    """
    centred = points.double() - points.double().mean(0)
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    found = centred @ (directions * largest.sign()).T  # the sign is anybody's choice: the largest part is positive
    return torch.nn.functional.pad(found, (0, 2 - found.shape[1])).float()
