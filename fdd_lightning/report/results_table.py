"""Rows as a table: what it says. How it looks is said by :mod:`terminal_table` and by each of the formats."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from fdd_lightning.artefacts.doubts import in_sentences
from fdd_lightning.artefacts.results import ACCURACY, BALANCED, Row
from fdd_lightning.report.best_rows import best
from fdd_lightning.report.metrics import METRICS, Metric, explain, metrics_of
from fdd_lightning.report.published import PublishedRow, published, published_for
from fdd_lightning.report.row_names import describe, shared_settings, variants
from fdd_lightning.report.statistics import NETWORKS, SETS, interval, spread
from fdd_lightning.report.uneven_tests import remarks_on_tests

NOTHING = "-"
"""Text where there is no value."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: Its name.
        texts: A text for each row.
        number: Whether it is set flush right.
        wraps: Whether a text may take several lines, broken at spaces.
        spare: How readily it is left out where there is no room; 0 is never.

    Example:
        >>> Column("ipc", ("1", "10")).spare
        0
    """

    heading: str
    texts: tuple[str, ...]
    number: bool = True
    wraps: bool = False
    spare: int = 0


@dataclass(frozen=True)
class Content:
    r"""What a table says.

    Attributes:
        columns: From left to right.
        best: For each row that is the best among comparable ones, or is not told from it by the noise, the heading of
            the column that says so; else empty.
        caption: What all rows share and what the figures are, a line each.

    Example:
        >>> Content((Column("ipc", ("1", "10")),), best=("", ""), caption=("dm",)).columns[0].heading
        'ipc'
    """

    columns: tuple[Column, ...]
    best: tuple[str, ...]
    caption: tuple[str, ...]


@dataclass(frozen=True)
class _Key:
    """How one key of a row's identity is shown: heading and text in a column, a fact in the caption."""

    heading: str
    text: Callable[[Row], str]
    fact: Callable[[Row], str]
    number: bool = False


def _ratio(row: Row) -> str:
    return NOTHING if row.conflict_ratio is None else f"{100 * row.conflict_ratio:g}%"


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _seeds(row: Row) -> str:
    return " ".join(map(str, row.distill_seeds))


def _eval_seeds(row: Row) -> str:
    return NOTHING if row.eval_seeds is None else " ".join(map(str, row.eval_seeds))


_WHAT = (
    _Key("run", lambda r: r.run or NOTHING, lambda r: f"run {r.run}"),
    _Key("data", lambda r: r.dataset, lambda r: r.dataset),
    _Key("ratio", _ratio, lambda r: f"{_ratio(r)} bias-conflicting", number=True),
    _Key("method", lambda r: r.full_method, lambda r: r.full_method),
    _Key("weighting", lambda r: r.weighting, lambda r: f"weighting {r.weighting}"),
)
_HOW = (
    _Key("ipc", lambda r: str(r.ipc or "all"), lambda r: f"ipc {r.ipc or 'all'}", number=True),
    _Key("network", lambda r: r.network, lambda r: r.network),
    _Key("train on", lambda r: r.train_on, lambda r: f"trained on {r.train_on} images"),
    _Key("trainer", lambda r: r.trainer, lambda r: r.trainer),
    _Key("preset", lambda r: r.preset, lambda r: f"preset {r.preset}"),
    _Key(
        "evaluation",
        lambda r: describe(r.eval_settings) or NOTHING,
        lambda r: f"evaluated with {describe(r.eval_settings)}",
    ),
    _Key(
        "nets", lambda r: str(r.eval_networks), lambda r: f"{r.eval_networks} network{_s(r.eval_networks)}", number=True
    ),
    _Key("seeds", _seeds, lambda r: f"seed{_s(len(r.distill_seeds))} {_seeds(r)}"),
    _Key("eval seeds", _eval_seeds, lambda r: f"evaluation seed{_s(len(r.eval_seeds or ()))} {_eval_seeds(r)}"),
)


def content_of(
    rows: Sequence[Row], *, with_published: bool = False, spreads: bool = False, plus_minus: str = "±"
) -> Content:
    """Decide what a table of these rows says.

    A key in which all rows agree moves to the caption; so does a setting that all rows of a method share. Metrics that
    no row has are left out, and balanced accuracy where every test set is even, as plain accuracy then says the same.

    Args:
        rows: Results in the order of the table.
        with_published: Add columns with the papers' accuracies and gaps between groups, where there are any.
        spreads: Give standard deviations for every metric, not for accuracy alone.
        plus_minus: Sign between mean and deviation.
    """
    columns, caption = identity_columns(rows)
    metrics = shown_metrics(rows)
    for name, metric in metrics.items():
        sign = plus_minus if spreads or name in _headlines(rows) else None
        columns.append(Column(metric.heading, tuple(_percent(row, name, sign) for row in rows), spare=metric.spare))
    papers = published(rows) if with_published else []
    columns += _published_columns(rows) if papers else []
    if any(row.warnings for row in rows):
        told = tuple(", ".join(row.warnings) or NOTHING for row in rows)
        columns.append(Column("warned", told, number=False, wraps=True))
    columns.append(Column("seconds", tuple(map(_seconds, rows)), spare=4))
    meanings = [
        f"percent; {plus_minus}: standard deviation of the sample, over networks and sets",
        *explain([*metrics.values()]),
    ]
    if any(column.heading == "ratio" for column in columns):
        meanings.append("ratio: bias-conflicting training images")
    caption.append("; ".join(meanings))
    bold = tuple(
        METRICS[row.headline].heading if is_best else "" for row, is_best in zip(rows, best(rows), strict=True)
    )
    if any(bold):
        but = ", full apart" if any(row.method == "full" for row in rows) else ""
        caption.append(f"bold: the best, and what the noise cannot tell from it ({_noise(rows)}{but})")
    caption += remarks_on_tests(rows)
    caption += in_sentences(word for row in rows for word in row.warnings)
    ungrouped = dict.fromkeys(row.dataset for row in rows if row.cell_count and len(row.cell_count[0]) == 1)
    if ungrouped:
        caption.append(f"{', '.join(ungrouped)}: no group labels, so fairness is not measured (no DEO_M, DEO_A, worst)")
    if papers:
        sources = ", ".join(dict.fromkeys(p.source for p in papers))
        caption.append(f"published: at the papers' own settings, which may differ from the row's ({sources})")
    return Content(tuple(columns), bold, tuple(line for line in caption if line))


def spreads_of(rows: Sequence[Row]) -> Content | None:
    """Return a table of how sure figures are: deviations over both kinds of seed, 95% intervals; None without any."""
    metrics = {name: m for name, m in shown_metrics(rows).items() if any(interval(row.values(name)) for row in rows)}
    if not metrics:
        return None
    columns, caption = identity_columns(rows)
    columns += [Column(m.heading, tuple(_sureness(row, name) for row in rows)) for name, m in metrics.items()]
    caption.append(
        "percent; standard deviations of the sample: of the means of sets / of the networks on a set; in brackets the "
        f"95% interval of the mean (Student's t, {_rests_on(rows)})"
    )
    return Content(tuple(columns), ("",) * len(rows), tuple(line for line in caption if line))


def _sureness(row: Row, metric: str) -> str:
    """Write a metric's deviations and interval: ``1.2 / 0.8 (88.1 to 92.5)``."""
    if row.mean(metric) is None:
        return NOTHING
    over, found = spread(row.values(metric)), interval(row.values(metric))
    deviations = (NOTHING if std is None else f"{100 * std:.1f}" for std in (over.sets, over.networks))
    return " / ".join(deviations) + ("" if found is None else f" ({100 * found.low:.1f} to {100 * found.high:.1f})")


def _noise(rows: Sequence[Row]) -> str:
    """Say what noise is taken into account."""
    if all(row.std(row.headline) is None for row in rows):
        return "of single values no noise is known"
    return f"95% intervals of differences, {_rests_on(rows)}"


def _rests_on(rows: Sequence[Row]) -> str:
    """Say what intervals of rows rest on; the whole training set is one, whatever is distilled."""
    found = [interval(row.values(row.headline)) for row in rows if row.method != "full"]
    over = {each.over for each in found if each is not None}
    told = {
        SETS: "over the means of sets",
        NETWORKS: "of one set over its networks, so they say nothing of another set",
    }
    return "; ".join(words for name, words in told.items() if name in over) or "over networks"


def shown_metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return the metrics that have a column: those that some row has, balanced accuracy where it is a headline."""
    return {name: metric for name, metric in metrics_of(rows).items() if name != BALANCED or name in _headlines(rows)}


def _headlines(rows: Sequence[Row]) -> set[str]:
    return {ACCURACY, *(row.headline for row in rows)}


def identity_columns(rows: Sequence[Row], without: Collection[str] = ()) -> tuple[list[Column], list[str]]:
    """Return the columns that tell rows apart, and what they share as lines of a caption; some keys may be left out."""
    columns: list[Column] = []
    facts: list[str] = []
    for key in _WHAT:
        if key.heading not in without:
            _place(key, rows, columns, facts)
    variant = tuple(variants(rows))
    if any(variant):
        columns.append(Column("variant", variant, number=False, wraps=True))
    for key in _HOW:
        if key.heading not in without:
            _place(key, rows, columns, facts)
    shared = [f"{method} with {describe(settings)}" for method, settings in shared_settings(rows).items() if settings]
    return columns, [", ".join(facts), *shared]


def _place(key: _Key, rows: Sequence[Row], columns: list[Column], facts: list[str]) -> None:
    """Put a key into a column where rows differ in it, and into the caption where they do not."""
    texts = tuple(key.text(row) for row in rows)
    # The whole training set has no images per class and is real: its method says so, no column need repeat it.
    judged = [row for row in rows if row.method != "full"] if key.heading in ("ipc", "train on") else list(rows)
    alone = len(rows) == 1 and key.heading in ("method", "weighting")
    if len({key.text(row) for row in judged}) > 1 or alone:
        columns.append(Column(key.heading, texts, number=key.number))
    elif judged and key.text(judged[0]) not in (NOTHING, "synthetic"):
        facts.append(key.fact(judged[0]))


def _percent(row: Row, metric: str, plus_minus: str | None) -> str:
    mean, std = row.mean(metric), row.std(metric)
    if mean is None:
        return NOTHING
    return f"{100 * mean:.1f}" + (f" {plus_minus} {100 * std:.1f}" if plus_minus and std is not None else "")


def _seconds(row: Row) -> str:
    """Return the time of all stages that are known."""
    known = [value for value in row.seconds.values() if value is not None]
    return f"{math.fsum(known):.0f}" if known else NOTHING


def _published_columns(rows: Sequence[Row]) -> list[Column]:
    """Return the papers' figures: accuracies, and the gaps between groups where papers publish them."""
    columns = [Column("published", tuple(_published_text(row, lambda p: p.accuracy) for row in rows))]
    gaps: dict[str, Callable[[PublishedRow], float | None]] = {
        METRICS["deo_max"].heading: lambda p: p.deo_max,
        METRICS["deo_mean"].heading: lambda p: p.deo_mean,
    }
    columns += [
        Column(f"published {heading}", tuple(_published_text(row, figure) for row in rows), spare=3)
        for heading, figure in gaps.items()
    ]
    return [column for column in columns if any(text != NOTHING for text in column.texts)]


def _published_text(row: Row, figure: Callable[[PublishedRow], float | None]) -> str:
    figures = [figure(p) for p in published_for(row)]
    if all(value is None for value in figures):
        return NOTHING
    return " / ".join(NOTHING if value is None else f"{100 * value:.1f}" for value in figures)
