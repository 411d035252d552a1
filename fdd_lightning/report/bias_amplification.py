"""Bias amplification: what a bias costs after distilling, and how that compares with training on all images.

Cui et al. 2024, section 3: with F a way to distil, M a training, D a set without bias and D_b the same with bias,

    drop = Acc(M(F(D))) - Acc(M(F(D_b)))

on test images without bias (over an uneven test set Acc is the mean over classes and groups). F = identity is the row
``full``. Where the drop exceeds full's, distilling amplifies the bias; where it falls below, it suppresses the bias.
Accuracies are fractions; tables are Markdown for people (percent) and CSV for programs (fractions).
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from fdd_lightning.artefacts.results import BALANCED as BALANCED_ACCURACY
from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.comparable_rows import any_length, broadest, common_ground, condition, places
from fdd_lightning.report.formats.md import as_markdown
from fdd_lightning.report.results_table import NOTHING, Column, Content, identity_columns
from fdd_lightning.report.row_names import hashable
from fdd_lightning.report.uneven_tests import headline_of

BALANCED = "balanced"
"""Setting of a naturally biased set that cuts it to its unbiased twin."""
KEYS = ("dataset", "conflict_ratio", "method", "weighting", "ipc", "network", "trainer", "preset")
"""Columns of the CSV file that are a row's own keys."""
ESTIMATES = ("accuracy_unbiased", "accuracy_biased", "drop", "drop_minus_full")
FIGURES = (*(name + part for name in ESTIMATES for part in ("", "_std")), "relative_drop")
"""Its columns of figures: fractions, empty where there is none."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its spread.

    Attributes:
        mean: The figure.
        std: Standard deviation of a single one of the values that it rests on; None where there is but one.

    Example:
        >>> Estimate(0.9, 0.03) - Estimate(0.5, 0.04)
        Estimate(mean=0.4, std=0.05)
    """

    mean: float
    std: float | None

    def __sub__(self, other: Estimate) -> Estimate:
        """Return the difference of two independent figures: its standard deviation is the root of the summed squares.

        Those of single values, not of means: networks trained on the same distilled set are no independent draws.
        """
        known = self.std is not None and other.std is not None
        return Estimate(self.mean - other.mean, math.hypot(self.std or 0, other.std or 0) if known else None)

    def percent(self, sign: str = "") -> str:
        """Write the figure in percent: ``91.2 ± 1.2``; with the sign ``+``, positive ones have theirs."""
        return f"{100 * self.mean:{sign}.1f}" + ("" if self.std is None else f" ± {100 * self.std:.1f}")


@dataclass(frozen=True)
class Amplification:
    """The same method on a set without and with bias.

    Attributes:
        unbiased: Row of D.
        biased: Row of D_b.
        full: The same of training on all images in the same way; None where it was not done, and for itself.

    Example:
        >>> [pair.drop.percent() for pair in amplifications(rows=[])]
        []
    """

    unbiased: Row
    biased: Row
    full: Amplification | None = None

    @property
    def metric(self) -> str:
        """The metric that Acc is: accuracy, the balanced one where the test set is uneven."""
        return headline_of([self.unbiased, self.biased])

    @property
    def clean(self) -> Estimate:
        """Acc(M(F(D)))."""
        return self._accuracy(self.unbiased)

    @property
    def tainted(self) -> Estimate:
        """Acc(M(F(D_b)))."""
        return self._accuracy(self.biased)

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

    def _accuracy(self, row: Row) -> Estimate:
        return Estimate(row.mean(self.metric) or 0.0, row.std(self.metric))

    @property
    def cut(self) -> bool:
        """Whether D is D_b cut to equally many images of each class and group, and so has fewer."""
        return _is_cut(self.unbiased)


def amplifications(rows: Sequence[Row]) -> list[Amplification]:
    """Find every row of a biased set with a row of its unbiased twin.

    A pair agrees in everything but the conflict ratio, which is null in D, and the numbers of seeds and networks; of
    several rows of D the one with equal seeds and networks counts, then the one that rests on the most values. A
    naturally biased set has no conflict ratio in either row: there D is the row with the setting ``balanced``.

    Returns:
        A pair for each row of a biased set that has one, by data set and evaluation in the order of rows, full training
        first. Rows without accuracy are left out.
    """
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        if row.mean("accuracy") is not None:
            groups.setdefault(_apart_from_bias(row), []).append(row)
    twins = {id(biased): broadest(unbiased, biased) for group in groups.values() for biased, unbiased in _twins(group)}
    pairs = [Amplification(twins[id(row)], row) for row in rows if id(row) in twins]
    whole = [pair for pair in pairs if pair.biased.method == "full"]
    of_data = {key for row in rows if row.method == "full" for key in row.settings}
    rest = [replace(pair, full=_full_of(pair, whole, of_data)) for pair in pairs if pair.biased.method != "full"]
    panel = [hashable(place) for place in places([pair.biased for pair in pairs])]
    order = {id(pair.biased): panel.index(place) for pair, place in zip(pairs, panel, strict=True)}
    return sorted(whole + rest, key=lambda pair: order[id(pair.biased)])


def _is_cut(row: Row) -> bool:
    """Tell whether a row is of a naturally biased set that was cut to equally many images of each class and group."""
    return row.conflict_ratio is None and row.settings.get(BALANCED) is True


def _apart_from_bias(row: Row) -> Hashable:
    settings = {k: v for k, v in row.settings.items() if k != BALANCED or not _is_cut(row)}
    return condition(row, conflict_ratio=None, settings=settings)


def _twins(rows: Sequence[Row]) -> list[tuple[Row, list[Row]]]:
    """Return each row of a biased set among some that differ in nothing but bias, with the rows of its twin."""
    cut = [row for row in rows if _is_cut(row)]
    plain = [row for row in rows if row.conflict_ratio is None and not _is_cut(row)]
    biased = [row for row in rows if row.conflict_ratio is not None]
    if not biased:  # a naturally biased set: without a ratio as it is, too
        return [(row, cut) for row in plain] if cut else []
    return [(row, cut or plain) for row in biased] if cut or plain else []


def _full_of(pair: Amplification, whole: Sequence[Amplification], of_data: set[str]) -> Amplification | None:
    """Return full training on the same sets in the same way, for however many epochs.

    Its rows have no settings but those ``of_data``.
    """

    def way(row: Row) -> Hashable:
        settings = {key: value for key, value in row.settings.items() if key in of_data}
        return any_length(common_ground(row)), hashable(settings)

    same = {id(each.biased): each for each in whole if way(each.biased) == way(pair.biased)}
    return same[id(broadest([each.biased for each in same.values()], pair.biased))] if same else None


def markdown(pairs: Sequence[Amplification]) -> str:
    """Return amplifications, at least one, as a Markdown table: accuracies in percent, drops in points."""
    columns, caption = identity_columns([pair.biased for pair in pairs])
    compared = any(pair.excess for pair in pairs)
    figures = {
        "Acc(D)": [pair.clean.percent() for pair in pairs],
        "Acc(D_b)": [pair.tainted.percent() for pair in pairs],
        "drop": [pair.drop.percent() for pair in pairs],
        "minus full's": [pair.excess.percent("+") if pair.excess else NOTHING for pair in pairs],
        "relative drop": [NOTHING if pair.relative is None else f"{100 * pair.relative:.1f}%" for pair in pairs],
    }
    columns += [Column(key, tuple(texts)) for key, texts in figures.items() if compared or key != "minus full's"]
    caption += [
        "Acc(D), Acc(D_b): accuracy in percent after training on the unbiased set and on the biased one",
        "drop: Acc(D) - Acc(D_b) in points, what the bias costs (Cui et al. 2024, section 3); relative drop: "
        "drop / Acc(D)",
        *(["minus full's: above 0 distilling amplifies the bias, below it suppresses it"] if compared else []),
        "±: standard deviation of the sample, over networks and sets; of a difference, the root of the summed squares "
        "of both",
    ]
    uneven = dict.fromkeys(pair.biased.dataset for pair in pairs if pair.metric == BALANCED_ACCURACY)
    if uneven:
        caption.append(f"{', '.join(uneven)}: the test set is uneven, so accuracy is the mean over classes and groups")
    cut = dict.fromkeys(pair.biased.dataset for pair in pairs if pair.cut)
    if cut:
        caption.append(
            f"{', '.join(cut)}: D is D_b cut to equally many images of each class and group, so it is smaller"
        )
    return as_markdown(Content(tuple(columns), ("",) * len(pairs), tuple(caption)))


def as_csv(pairs: Sequence[Amplification]) -> str:
    """Return amplifications as CSV: ``KEYS``, ``settings`` and ``eval_settings`` (JSON), ``FIGURES``."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*KEYS, "settings", "eval_settings", *FIGURES])
    for pair in pairs:
        keys = [getattr(pair.biased, key) for key in KEYS]
        settings = [json.dumps(each, sort_keys=True) for each in (pair.biased.settings, pair.biased.eval_settings)]
        estimates = (pair.clean, pair.tainted, pair.drop, pair.excess)
        figures = [value for each in estimates for value in ((each.mean, each.std) if each else (None, None))]
        short = ("" if value is None else f"{value:.6g}" for value in (*figures, pair.relative))
        writer.writerow([*keys, *settings, *short])
    return stream.getvalue()
