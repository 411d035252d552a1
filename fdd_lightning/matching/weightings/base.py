"""What a weighting is: a matrix whose rows say which mean of the real batch each target is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice, rebuild
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.evidence import Evidence, Gallery, evidence_of, made_up_gallery
from fdd_lightning.matching.groupings import Grouping
from fdd_lightning.matching.neighbour_votes import Verdict


@dataclass(frozen=True)
class WeightMatrix:
    """The matrix W of the matching loss.

    Attributes:
        rows: (T, n) float64, non-negative, each row sums to 1.
        coefficients: (T,), the factor a_t of each row's distance in the loss.

    Example:
        >>> WeightMatrix(torch.tensor([[0.5, 0.5, 0.0, 0.0]]), torch.ones(1)).effective_sample_size()
        tensor(2.)
    """

    rows: Tensor
    coefficients: Tensor

    def effective_sample_size(self, index: Tensor | None = None) -> Tensor:
        """Return 1 / sum_i w_i^2 of the mean row: n for uniform weights, 1 when a single image carries all.

        Args:
            index: int64 (n,), places of the images, where some may have been drawn more than once.
        """
        weights: Tensor = self.rows.mean(0)
        if index is not None:
            different, place = index.to(weights.device).unique(return_inverse=True)
            weights = torch.zeros(len(different), dtype=weights.dtype, device=weights.device).index_add(
                0, place, weights
            )
        return weights.square().sum().reciprocal()

    def mixed(self) -> WeightMatrix:
        """Return the one row that the rows make together, each by its coefficient."""
        return single_row((self.coefficients.to(self.rows) / self.coefficients.sum()) @ self.rows)


Weigher = Callable[[Tensor], WeightMatrix]
"""Returns W of real images of one class, by their places in the training set."""


class Weighting(Choice, ABC):
    """Base of every weighting: from evidence about a class batch to the matrix W.

    A weighting knows nothing of signals, distances or networks. It only receives the evidence that its attributes ask
    for, so what does not ask for groups cannot read them. They may depend on its arguments: see :meth:`adopt_needs`.

    Attributes:
        name: Name in files and tables.
        needs_groups: Reads the group labels.
        needs_embeddings: Reads the bias encoder's embeddings.
        needs_index: Tells images apart by their place in the training set.
        needs_sources: Reads which images were made from the same source, when it is shown the training set.
        needs_cell_sizes: Reads how many training images each group has in the class.
        one_row_advice: What to take instead, where W has several rows and one is wanted.

    Example:
        >>> class Second(Weighting):
        ...     needs_groups = True
        ...     def __call__(self, evidence):
        ...         weights = (evidence.groups == 1).double()
        ...         return single_row(weights / weights.sum())
        >>> Second()(Evidence(size=4, groups=torch.tensor([0, 0, 1, 1]))).rows
        tensor([[0.0000, 0.0000, 0.5000, 0.5000]], dtype=torch.float64)
    """

    menu: ClassVar[str] = "weighting"
    place: ClassVar[str] = "model.weighting"
    name: ClassVar[str]
    needs_groups: bool = False
    needs_embeddings: bool = False
    needs_index: bool = False
    needs_sources: bool = False
    needs_cell_sizes: bool = False
    one_row_advice: ClassVar[str] = "take barycenter, which makes groups come up equally, or another of one row"

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Name a weighting after its class unless it names itself (the name stands in the rows of the results)."""
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    def single_row_alternative(self) -> str:
        """Say what to take where images can be drawn by one row only; empty where W has one row anyway.

        The weighting itself is asked, about a made-up class of two groups; where it cannot weigh that, nothing is said.
        """
        weights = self._of_made_up_class()
        return self.one_row_advice if weights is not None and len(weights.rows) > 1 else ""

    def is_uniform(self) -> bool:
        """Tell whether all images weigh the same: asked about a made-up class of two groups, of unequal sizes."""
        weights = self._of_made_up_class()
        return weights is not None and len(weights.rows) == 1 and torch.allclose(weights.rows, weights.rows.mean())

    def _of_made_up_class(self) -> WeightMatrix | None:
        """Return W of a made-up class, a larger one where small ones are not enough; None where none is."""
        for size in (32, 512, 4096):
            with suppress(Exception):  # whatever a weighting of the user's own lacks, the real images will tell
                gallery, weighting = made_up_gallery(size), rebuild(self)
                weighting.prepare(gallery)
                cells = gallery.real.cells(2, 2)
                return weighting(evidence_of(torch.arange(size), weighting, gallery.real, cells, gallery.embeddings))
        return None

    _grouping: Grouping | None = None

    def prepare(self, gallery: Gallery) -> None:
        """Look at the whole training set, once before the first step; by default its grouping does.

        Args:
            gallery: The images; their group labels are all 0.
        """
        if self._grouping is not None:
            self._grouping.prepare(gallery)

    @property
    def verdict(self) -> Verdict | None:
        """What its grouping found in the training set; None where it does not judge."""
        return None if self._grouping is None else self._grouping.verdict

    def adopt_needs(self, groups: Grouping) -> None:
        """Ask, beside its own needs, for what its grouping reads, and let it look at the training set."""
        self._grouping = groups
        self.needs_groups = self.needs_groups or groups.needs_groups
        self.needs_embeddings = self.needs_embeddings or groups.needs_embeddings
        self.needs_index = self.needs_index or groups.needs_index
        self.needs_sources = self.needs_sources or groups.needs_sources

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
