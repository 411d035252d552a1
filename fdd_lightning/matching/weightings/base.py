"""What a weighting is: a matrix whose rows say which mean of the real batch each target is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.groupings import Grouping


@dataclass(frozen=True)
class WeightMatrix:
    """The matrix W of the matching loss.

    Attributes:
        rows: (T, n) float64, non-negative, each row sums to 1.
        coefficients: (T,), the factor a_t of each row's distance in the loss.
    """

    rows: Tensor
    coefficients: Tensor

    def effective_sample_size(self) -> Tensor:
        """Return 1 / sum_i w_i^2 of the mean row: n for uniform weights, 1 when a single image carries all."""
        share: Tensor = self.rows.mean(0).square().sum()
        return share.reciprocal()


class Weighting(Choice, ABC):
    """Base of every weighting: from evidence about a class batch to the matrix W.

    A weighting knows nothing of signals, distances or networks. It only receives the evidence that its attributes ask
    for, so what does not ask for groups cannot read them. They may depend on its arguments: see :meth:`adopt_needs`.

    Attributes:
        name: Name in files and tables.
        needs_groups: Reads the group labels.
        needs_embeddings: Reads the bias encoder's embeddings.
        needs_index: Tells images apart by their place in the training set.
        needs_cell_sizes: Reads how many training images each group has in the class.
    """

    menu: ClassVar[str] = "weighting"
    place: ClassVar[str] = "model.weighting"
    name: ClassVar[str]
    needs_groups: bool = False
    needs_embeddings: bool = False
    needs_index: bool = False
    needs_cell_sizes: bool = False

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Name a weighting after its class unless it names itself (the name stands in the rows of the results)."""
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    def adopt_needs(self, groups: Grouping) -> None:
        """Ask, beside its own needs, for what its grouping reads."""
        self.needs_groups = self.needs_groups or groups.needs_groups
        self.needs_embeddings = self.needs_embeddings or groups.needs_embeddings
        self.needs_index = self.needs_index or groups.needs_index

    @abstractmethod
    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return W for n images of one class; float64 on the evidence's device."""


def single_row(row: Tensor) -> WeightMatrix:
    """Return the matrix of one target with coefficient 1."""
    return WeightMatrix(row.unsqueeze(0), torch.ones(1, dtype=row.dtype, device=row.device))


def memberships(groups: Tensor) -> Tensor:
    """Return which images are of each group present, groups ascending, those of -1 in none; bool (T, n).

    Raises:
        ConfigError: No image is in any group.
    """
    present = groups.unique()
    present = present[present >= 0]
    if not len(present):
        raise ConfigError("the grouping leaves every image of a class batch out: choose another grouping")
    member: Tensor = present.unsqueeze(1) == groups.unsqueeze(0)
    return member


def group_rows(groups: Tensor) -> Tensor:
    """Return one row for each group present (see :func:`memberships`), uniform over its images; float64 (T, n)."""
    member = memberships(groups).double()
    rows: Tensor = member / member.sum(1, keepdim=True)
    return rows


def per_group(rows: Tensor, reduction: str) -> WeightMatrix:
    """Return the matrix of a target for each group.

    Args:
        rows: (T, n), one for each group.
        reduction: ``sum`` of the groups' distances, or their ``mean`` (coefficient 1 / T).
    """
    coefficient = 1.0 if reduction == "sum" else 1.0 / len(rows)
    return WeightMatrix(rows, torch.full((len(rows),), coefficient, dtype=rows.dtype, device=rows.device))
