"""The papers' figures, to stand beside our own.

``published.csv`` holds Cui et al. 2024 ("Ameliorate Spurious Correlations in Dataset Condensation", Tables 1 to 8),
FairDD (NeurIPS 2025, Tables 1 to 4, 9, 11, 12, 16 to 18 and 20) and COBRA (2026, Tables 1 and 2, of which what others
quote: DEO_M, and some accuracies; its own method stands as weighting ``barycenter``), with random selection and the
whole training set where the papers have them. All are for a ConvNet of width 128, but in FairDD's Table 3, which but in
Cui et al.'s Table 3 is trained plainly.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fdd_lightning.artefacts.results import Row

VARIANTS = (
    *("surrogate", "source", "experts.learner", "weighting.groups", "weighting.groups.rate"),
    *("target", "group"),
)
"""Settings by which a row is another method, or another data set, than the one that it is named after."""

FILE = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class PublishedRow:
    """One published result; fractions, None where a paper gives no figure.

    Attributes:
        dataset: Our name of the data set.
        method: Our name of the method.
        weighting: Our name of the weighting.
        trainer: Our name of the trainer.
        variant: Its settings among :data:`VARIANTS`, as ``key=Class``, and its network where that is no ConvNet; empty
            for the method as it is.
        ipc: Images per class, None for the whole training set.
        conflict_ratio: Nominal share of bias-conflicting images, None for unbiased and naturally biased sets.
        accuracy: Test accuracy.
        accuracy_std: Its standard deviation.
        deo_max: DEO_M.
        deo_mean: DEO_A.
        source: Paper and table.

    Example:
        >>> all_published()[0].source
        'Cui et al. 2024 Table 7'
    """

    dataset: str
    method: str
    weighting: str
    trainer: str
    variant: str
    ipc: int | None
    conflict_ratio: float | None
    accuracy: float | None
    accuracy_std: float | None
    deo_max: float | None
    deo_mean: float | None
    source: str


@cache
def all_published() -> tuple[PublishedRow, ...]:
    """Return every published row, in the order of the file."""
    numbers = {
        "ipc": int,
        **dict.fromkeys(("conflict_ratio", "accuracy", "accuracy_std", "deo_max", "deo_mean"), float),
    }

    def value(key: str, text: str) -> Any:
        return (numbers[key](text) if text else None) if key in numbers else text

    with FILE.open(newline="", encoding="utf-8") as stream:
        lines = csv.DictReader(stream)
        return tuple(PublishedRow(**{key: value(key, text) for key, text in line.items()}) for line in lines)


def published_for(row: Row) -> list[PublishedRow]:
    """Return the published results for a row; several where both papers have it.

    Data set, method and its variant, network, weighting, trainer, conflict ratio and images per class must agree (the
    last not for ``full``); other settings are not compared, so a caption has to say that the papers' own settings may
    differ.
    """
    named = {} if row.network == "convnet" else {"network": row.network}
    named |= {key: _named(row.settings[key]) for key in VARIANTS if key in row.settings}
    variant = ",".join(f"{key}={name}" for key, name in named.items())
    return [
        p
        for p in all_published()
        if (p.dataset, p.method, p.weighting) == (row.dataset, row.method, row.weighting)
        and (p.trainer, p.variant) == (row.trainer, variant)
        and (p.ipc == row.ipc or p.method == "full")
        and _same(p.conflict_ratio, row.conflict_ratio)
    ]


def published(rows: Iterable[Row]) -> list[PublishedRow]:
    """Return the published results for any of several rows, each once, in the rows' order."""
    return list(dict.fromkeys(p for row in rows for p in published_for(row)))


def _named(value: Any) -> str:
    """Return a setting as ``variant`` has it: a class by its bare name, several attributes with a plus between."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    return value.rpartition(".")[2] if isinstance(value, str) else f"{value:g}"


def _same(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else math.isclose(one, other, abs_tol=1e-9)
