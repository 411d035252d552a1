"""Which test images go against the crowd: what can be judged of a bias where no group labels are known."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.evidence import Gallery
from fdd_lightning.matching.groupings import NeighbourVote


def crowd_of(
    train: ImageSet, test: ImageSet, num_classes: int, fingerprint: str = "", vote: NeighbourVote | None = None
) -> Tensor | None:
    """Return the class that each test image looks like, int64 (N_test,), as its neighbours among all images vote.

    No group label is read, and nobody trains on what it says: it only sorts the test images. An image that looks like
    its own class goes with the crowd. None where the vote on the training images found nothing.

    Args:
        train: The training images.
        test: The test images.
        num_classes: Number of classes.
        fingerprint: Names exactly the training images, for the cache; empty where nothing is to be kept.
        vote: Another vote than the usual one.

    Example:
        >>> from fdd_lightning.matching.extractors import Statistics
        >>> bright, targets = torch.arange(60) % 2, (torch.arange(60) % 2).index_fill(0, torch.tensor([4, 20]), 1)
        >>> pixels = torch.randint(50, (60, 3, 8, 8)) + 200 * bright[:, None, None, None]
        >>> real = ImageSet(pixels.byte(), targets, torch.zeros_like(targets), (0.5,) * 3, (0.5,) * 3)
        >>> vote = NeighbourVote([Statistics(textures=0)], classifier=None)
        >>> crowd_of(real.subset(torch.arange(6, 60)), real.subset(torch.arange(6)), num_classes=2, vote=vote)
        tensor([0, 1, 0, 1, 0, 1])
    """
    vote, device = vote or NeighbourVote(), torch.device("cpu")
    vote.prepare(Gallery(train.without_groups(), num_classes, seed=0, device=device, fingerprint=fingerprint))
    if vote.verdict.signal == "none":
        return None
    pixels, targets = torch.cat([train.images, test.images]), torch.cat([train.targets, test.targets])
    everything = ImageSet(pixels, targets, torch.zeros_like(targets), train.mean, train.std)
    named = f"{fingerprint} with the test images" if fingerprint else ""
    vote.prepare(Gallery(everything, num_classes, seed=0, device=device, fingerprint=named))
    return vote.ballot.winners[len(train) :]
