"""Accuracy by the class that test images look like: for data without groups."""

from __future__ import annotations

from fdd_lightning.metrics.accuracy import AlignedAccuracy, ConflictAccuracy


class WithCrowdAccuracy(AlignedAccuracy):
    """Share of the test images that look like their own class, as their neighbours vote, that are classified correctly.

    Needs no group labels. None where the vote found nothing.

    Example:
        >>> import torch
        >>> metric = WithCrowdAccuracy(num_classes=2, num_groups=2, aligned=torch.eye(2))
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(0.5000, dtype=torch.float64)
    """

    name, heading, by_crowd = "with_crowd_accuracy", "with crowd", True


class AgainstCrowdAccuracy(ConflictAccuracy):
    """Share of the test images that look like another class, as their neighbours vote, that are classified correctly.

    Needs no group labels. None where the vote found nothing.

    Example:
        >>> import torch
        >>> metric = AgainstCrowdAccuracy(num_classes=2, num_groups=2, aligned=torch.eye(2))
        >>> metric(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
        tensor(1., dtype=torch.float64)
    """

    name, heading, by_crowd = "against_crowd_accuracy", "against crowd", True
