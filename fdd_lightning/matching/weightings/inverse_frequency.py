"""Weights by the inverse frequency of an image's group in the training set."""

from __future__ import annotations

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.weightings.base import Weighting, WeightMatrix, single_row


class InverseFrequency(Weighting):
    """One target; each image weighs 1 / (training images of its class and group), the textbook correction.

    The frequencies are those of the whole training set. So groups weigh the same only on average over batches: in a
    single batch a group's weight follows how many of its images were drawn, where ``Barycenter`` evens that out. Over
    a whole class the two are the same. A control of ours; use it with samplers that are not balanced themselves.

    Example:
        >>> import torch
        >>> facts = {"groups": torch.tensor([0, 0, 1]), "num_groups": 2, "cell_sizes": torch.tensor([90, 10])}
        >>> InverseFrequency()(Evidence(size=3, **facts)).rows
        tensor([[0.0909, 0.0909, 0.8182]], dtype=torch.float64)
    """

    name = "inverse_frequency"
    needs_groups = True
    needs_cell_sizes = True

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return the one row."""
        if evidence.groups is None or evidence.cell_sizes is None:
            raise ConfigError(
                "InverseFrequency needs the group of every image: use a data set with groups, or weighting KDE"
            )
        weights = evidence.cell_sizes[evidence.groups].double().reciprocal()
        return single_row(weights / weights.sum())
