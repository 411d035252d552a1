"""Bias amplification: what a bias costs after distilling, and how that compares with training on all images.

Cui et al. 2024, section 3: with F a way to distil, M a training, D a set without bias and D_b the same with bias,

    drop = Acc(M(F(D))) - Acc(M(F(D_b)))

on test images without bias. F = identity is the row ``full``. Where the drop exceeds full's, distilling amplifies the
bias; where it falls below, it suppresses the bias. Accuracies are fractions.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from fdd_lightning.artefacts.results import Row, mean_of, std_of
from fdd_lightning.report.alike import broadest, condition, ground_of_any_length, places
from fdd_lightning.report.labels import hashable

BALANCED = "balanced"
"""Setting of a naturally biased set that cuts it to its unbiased twin."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its spread.

    Attributes:
        mean: The figure.
        std: Standard deviation of a single one of the values that it rests on; None where there is but one.
    """

    mean: float
    std: float | None

    def __sub__(self, other: Estimate) -> Estimate:
        """Return the difference of two independent figures: its standard deviation is the root of the summed squares.

        Those of single values, not of means: networks trained on the same distilled set are no independent draws.
        """
        known = self.std is not None and other.std is not None
        return Estimate(self.mean - other.mean, math.hypot(self.std or 0, other.std or 0) if known else None)


@dataclass(frozen=True)
class Amplification:
    """The same method on a set without and with bias.

    Attributes:
        unbiased: Row of D.
        biased: Row of D_b.
        full: The same of training on all images in the same way; None where it was not done, and for itself.
    """

    unbiased: Row
    biased: Row
    full: Amplification | None = None

    @property
    def clean(self) -> Estimate:
        """Acc(M(F(D)))."""
        return _accuracy(self.unbiased)

    @property
    def tainted(self) -> Estimate:
        """Acc(M(F(D_b)))."""
        return _accuracy(self.biased)

    @property
    def drop(self) -> Estimate:
        """Acc(M(F(D))) - Acc(M(F(D_b)))."""
        return self.clean - self.tainted

    @property
    def excess(self) -> Estimate | None:
        """The drop minus full's: positive where the bias is amplified, negative where it is suppressed."""
        return None if self.full is None else self.drop - self.full.drop

    @property
    def relative(self) -> float | None:
        """The drop as a share of Acc(M(F(D)))."""
        return self.drop.mean / self.clean.mean if self.clean.mean else None

    @property
    def cut(self) -> bool:
        """Whether D is D_b cut to equal cells, and so has fewer images."""
        return is_cut(self.unbiased)


def amplifications(rows: Sequence[Row]) -> list[Amplification]:
    """Find every row of a biased set with a row of its unbiased twin.

    A pair agrees in everything but the conflict ratio, which is null in D, and the numbers of seeds and networks; of
    several rows of D the one with equal seeds and networks counts, then the one that rests on the most values. A
    naturally biased set has no conflict ratio in either row: there D is the row with the setting ``balanced``.

    Args:
        rows: Results; those without accuracy are left out.

    Returns:
        A pair for each row of a biased set that has one, by data set and evaluation in the order of rows, full training
        first.
    """
    alike: dict[Hashable, list[Row]] = {}
    for row in rows:
        if mean_of(row, "accuracy") is not None:
            alike.setdefault(_apart_from_bias(row), []).append(row)
    pairs = {id(b): Amplification(broadest(twins, b), b) for group in alike.values() for b, twins in _twins(group)}
    found = [pairs[id(row)] for row in rows if id(row) in pairs]
    whole = [pair for pair in found if pair.biased["method"] == "full"]
    told = {key for row in rows if row["method"] == "full" for key in row["settings"]}
    rest = [
        Amplification(pair.unbiased, pair.biased, _full_of(pair, whole, told))
        for pair in found
        if pair.biased["method"] != "full"
    ]
    every = whole + rest
    shown = {
        id(pair.biased): hashable(place) for pair, place in zip(found, places([p.biased for p in found]), strict=True)
    }
    order = list(dict.fromkeys(shown.values()))
    return sorted(every, key=lambda each: order.index(shown[id(each.biased)]))


def is_cut(row: Row) -> bool:
    """Tell whether a row is of a naturally biased set that was cut to equal cells."""
    return row["conflict_ratio"] is None and row["settings"].get(BALANCED) is True


def _accuracy(row: Row) -> Estimate:
    return Estimate(mean_of(row, "accuracy") or 0.0, std_of(row, "accuracy"))


def _apart_from_bias(row: Row) -> Hashable:
    settings = {k: v for k, v in row["settings"].items() if k != BALANCED or not is_cut(row)}
    return condition(row, conflict_ratio=None, settings=settings)


def _twins(alike: Sequence[Row]) -> list[tuple[Row, list[Row]]]:
    """Return each row of a biased set among some that differ in nothing but bias, with the rows of its twin."""
    cut = [row for row in alike if is_cut(row)]
    plain = [row for row in alike if row["conflict_ratio"] is None and not is_cut(row)]
    biased = [row for row in alike if row["conflict_ratio"] is not None]
    if not biased:  # a naturally biased set: without a ratio as it is, too
        return [(row, cut) for row in plain] if cut else []
    return [(row, cut or plain) for row in biased] if cut or plain else []


def _full_of(pair: Amplification, whole: Sequence[Amplification], told: set[str]) -> Amplification | None:
    """Return full training on the same sets in the same way, for however many epochs.

    Args:
        pair: The pair to compare.
        whole: The pairs of full training.
        told: Settings of the data, which are all that rows of full training have.
    """

    def way(row: Row) -> Hashable:
        of_data = {key: value for key, value in row["settings"].items() if key in told}
        return ground_of_any_length(row), hashable(of_data)

    same = [each for each in whole if way(each.biased) == way(pair.biased)]
    if not same:
        return None
    best = broadest([each.biased for each in same], pair.biased)
    return next(each for each in same if each.biased is best)
