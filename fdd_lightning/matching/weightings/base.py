"""What a weighting is: a matrix whose rows say which mean of the real batch each target is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fdd_lightning.choices import Choice


@dataclass(frozen=True)
class Evidence:
    """What a weighting may know of n real images of one class.

    Attributes:
        size: n, at least 1.
        groups: Protected-attribute value of each image, int64 (n,); None unless the weighting asks for groups.
        embeddings: Bias-encoder embedding of each image, float (n, d), rows of length 1; None unless asked for.
    """

    size: int
    groups: Tensor | None = None
    embeddings: Tensor | None = None


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

    A weighting knows nothing of signals, distances or networks. It only receives the evidence that its class
    attributes ask for, so what does not ask for groups cannot read them.
    """

    name: ClassVar[str]
    needs_groups: ClassVar[bool] = False
    needs_embeddings: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Name a weighting after its class unless it names itself (the name stands in the rows of the results)."""
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    @abstractmethod
    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return W for n images of one class; float64 on the evidence's device."""


def single_row(row: Tensor) -> WeightMatrix:
    """Return the matrix of one target with coefficient 1."""
    return WeightMatrix(row.unsqueeze(0), torch.ones(1, dtype=row.dtype, device=row.device))


def group_rows(groups: Tensor) -> Tensor:
    """Return one row for each group present (ascending), uniform over the images of that group; float64 (T, n)."""
    member = (groups.unique().unsqueeze(1) == groups.unsqueeze(0)).double()
    rows: Tensor = member / member.sum(1, keepdim=True)
    return rows
