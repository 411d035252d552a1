"""KDE reweighting (Cui et al., ICML 2024): images in sparse regions of a bias encoder's space weigh more."""

from __future__ import annotations

import math
import sys
from typing import Literal

import torch
from torch import Tensor

from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.weightings.base import Weighting, WeightMatrix, single_row
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import generator

ENTRIES = 2**22
"""Kernel values in memory at a time (32 MB, and some copies of it): of a large class fewer rows are compared."""


def kernel_density(
    embeddings: Tensor, variance: float = 0.1, chunk: int = 2048, references: Tensor | None = None
) -> Tensor:
    """Return the kernel density of each point under all points, itself included.

    f_i = (1/n) sum_j K(||z_i - z_j||), K(u) = exp(-u^2 / (2 v)) / sqrt(2 pi v): equation 2 of Cui et al., with the
    one-dimensional prefactor and the self-term as written there (so f_i >= K(0) / n).

    Args:
        embeddings: (n, d).
        variance: v, in squared units of the embedding.
        chunk: Rows compared at a time, at most; bounds the memory, not the result.
        references: int64 (m,), places of different points by which the others stand to be judged; all if null. A point
            counts itself in full, and the others by their mean over these.

    Returns:
        (n,), positive, in double precision.
    """
    points = embeddings.double()
    norms = points.square().sum(1)
    total = torch.empty_like(norms)
    everything = torch.arange(len(points), device=points.device)
    others = everything if references is None else references.to(points.device)
    chunk = max(1, min(chunk, ENTRIES // max(len(others), 1)))
    for rows in everything.split(chunk):
        squared = (norms[rows, None] + norms[others] - 2.0 * points[rows] @ points[others].T).clamp_(min=0.0)
        total[rows] = squared.div_(-2.0 * variance).exp_().sum(1)
    if references is not None:
        own = torch.isin(everything, others).double()
        total = 1.0 + (total - own) / (len(others) - own) * (len(points) - 1)
    return total / (len(points) * math.sqrt(2.0 * math.pi * variance))


class KDE(Weighting):
    """One target, weighted by the normalised inverse density; needs a bias encoder and reads no group labels.

    The paper's softmax of 1/f at temperature 0.1 puts all weight on a few isolated images; its "cutoff score", which
    must prevent that, is not defined. So the normalisation is a choice. Plain inverse density gives every tight
    cluster of the batch the same total weight, which is FairDD's target without group labels. On batches of the
    coloured digits, C-MNIST and CMNIST it put 0.71 to 0.85 of the weight on conflicting images (equal colours: 0.9)
    with an effective sample size of 16 to 26 of 256; the softmax as printed put all of it on one image. So it is the
    default.

    Args:
        normaliser: ``inverse``: w = (1/f) / sum(1/f). ``softmax``: the formula as printed, softmax(1/f / temperature).
            ``cap``: softmax(min(1/f, cap) / temperature). ``median_cap``: softmax(min((1/f) / median(1/f), cap) /
            temperature), which does not depend on how tight the encoder's clusters are.
        variance: Kernel variance (paper: 0.1).
        temperature: Softmax temperature (paper: 0.1).
        cap: The cutoff score of ``cap`` and ``median_cap``.
        references: Of a larger class the densities are estimated against so many images of it, drawn once; at least 2.

    Example:
        >>> z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> KDE()(Evidence(size=3, embeddings=z)).rows
        tensor([[0.2500, 0.2500, 0.5000]], dtype=torch.float64)
    """

    needs_embeddings = True

    def __init__(
        self,
        normaliser: Literal["inverse", "softmax", "cap", "median_cap"] = "inverse",
        variance: float = 0.1,
        temperature: float = 0.1,
        cap: float = 1.5,
        references: int = 20_000,
    ) -> None:
        require({"variance": variance, "temperature": temperature, "cap": cap}, above=0, of="KDE")
        require({"references": references}, least=2, of="KDE")
        self.normaliser = normaliser
        self.variance = variance
        self.temperature = temperature
        self.cap = cap
        self.references = references

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return one row from the density of the batch's own embeddings."""
        return single_row(self.weights(evidence.embeddings_for(self)))

    def weights(self, embeddings: Tensor) -> Tensor:
        """Return the weights (n,) of n embeddings (n, d); they sum to 1."""
        drawn = None
        if len(embeddings) > self.references:
            order = torch.randperm(len(embeddings), generator=generator(0, "references"))
            drawn = order[: self.references]
            sys.stderr.write(
                f"KDE: densities of {len(embeddings):,} images are estimated against {self.references:,} of them\n"
            )
        score = 1.0 / kernel_density(embeddings, self.variance, references=drawn)
        if self.normaliser == "inverse":
            return score / score.sum()
        if self.normaliser == "median_cap":
            score = score / score.median()
        if self.normaliser != "softmax":
            score = score.clamp(max=self.cap)
        return (score / self.temperature).softmax(0)
