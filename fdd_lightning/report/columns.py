"""What a table of results says: its columns, its best rows and its caption, before it takes a form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fdd_lightning.artefacts.results import Row, mean_of, std_of
from fdd_lightning.report.labels import describe, hashable, shared_settings, variants
from fdd_lightning.report.published import published, published_for

NOTHING = "-"
"""Text of a cell that has no value."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: Its name.
        cells: A text for each row.
        number: Whether it is set flush right.
        wraps: Whether a cell may take several lines, broken at spaces.
        spare: How readily it is left out where there is no room; 0 is never.
    """

    heading: str
    cells: tuple[str, ...]
    number: bool = True
    wraps: bool = False
    spare: int = 0


@dataclass(frozen=True)
class Content:
    """What a table says.

    Attributes:
        columns: From left to right.
        best: For each row, whether it has the highest accuracy among comparable rows.
        caption: What all rows share and what the figures are, a line each.
    """

    columns: tuple[Column, ...]
    best: tuple[bool, ...]
    caption: tuple[str, ...]


@dataclass(frozen=True)
class _Key:
    """How one key of a row's identity is shown: heading and cell in a column, a fact in the caption."""

    heading: str
    cell: Callable[[Row], str]
    fact: Callable[[Row], str]
    number: bool = False


def _ratio(row: Row) -> str:
    return NOTHING if row["conflict_ratio"] is None else f"{100 * row['conflict_ratio']:g}%"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _seeds(row: Row) -> str:
    return " ".join(map(str, row["distill_seeds"]))


_DATA = (
    _Key("data", lambda r: r["dataset"], lambda r: r["dataset"]),
    _Key("ratio", _ratio, lambda r: f"{_ratio(r)} bias-conflicting", number=True),
)
_METHOD = (
    _Key("method", lambda r: r["method"], lambda r: r["method"]),
    _Key("weighting", lambda r: r["weighting"], lambda r: f"weighting {r['weighting']}"),
)
_EVALUATION = (
    _Key("ipc", lambda r: str(r["ipc"] or "all"), lambda r: f"ipc {r['ipc'] or 'all'}", number=True),
    _Key("network", lambda r: r["network"], lambda r: r["network"]),
    _Key("train on", lambda r: r["train_on"], lambda r: f"trained on {r['train_on']} images"),
    _Key("trainer", lambda r: r["trainer"], lambda r: r["trainer"]),
    _Key("preset", lambda r: r["preset"], lambda r: f"preset {r['preset']}"),
    _Key(
        "evaluation",
        lambda r: describe(r["eval_settings"]) or NOTHING,
        lambda r: f"evaluated with {describe(r['eval_settings'])}",
    ),
    _Key("nets", lambda r: str(r["eval_networks"]), lambda r: _count(r["eval_networks"], "network"), number=True),
    _Key("seeds", _seeds, lambda r: f"seed{'' if len(r['distill_seeds']) == 1 else 's'} {_seeds(r)}"),
)
_METRICS = (
    ("accuracy", "accuracy", 0),
    ("DEO_M", "deo_max", 0),
    ("DEO_A", "deo_mean", 0),
    ("worst", "worst_group_accuracy", 1),
    ("aligned", "aligned_accuracy", 3),
    ("conflict", "conflict_accuracy", 2),
)


def content(
    rows: Sequence[Row], *, with_published: bool = False, spreads: bool = False, plus_minus: str = "±"
) -> Content:
    """Decide what a table of these rows says.

    A key in which all rows agree moves to the caption; so does a setting that all rows of a method share. Metrics that
    no row has are left out.

    Args:
        rows: Results in the order of the table.
        with_published: Add a column with the papers' accuracies, where there are any.
        spreads: Give standard deviations for every metric, not for accuracy alone.
        plus_minus: Sign between mean and deviation.
    """
    columns, caption = identity_columns(rows)
    for heading, metric, spare in _METRICS:
        if any(mean_of(row, metric) is not None for row in rows):
            sign = plus_minus if spreads or metric == "accuracy" else None
            columns.append(Column(heading, tuple(_percent(row, metric, sign) for row in rows), spare=spare))
    papers = published(rows) if with_published else []
    if papers:
        columns.append(Column("published", tuple(_published_cell(row) for row in rows)))
    columns.append(Column("seconds", tuple(map(_seconds, rows)), spare=4))
    caption.append(_explain({column.heading for column in columns}, plus_minus))
    ungrouped = dict.fromkeys(row["dataset"] for row in rows if _groups(row) == 1)
    if ungrouped:
        caption.append(f"{', '.join(ungrouped)}: no group labels, so fairness is not measured (no DEO_M, DEO_A, worst)")
    if papers:
        sources = ", ".join(dict.fromkeys(p.source for p in papers))
        caption.append(f"published: accuracy at the papers' own settings, which may differ from the row's ({sources})")
    return Content(tuple(columns), _best(rows), tuple(line for line in caption if line))


def identity_columns(rows: Sequence[Row]) -> tuple[list[Column], list[str]]:
    """Return the columns that tell rows apart, and what they share as lines of a caption."""
    columns: list[Column] = []
    facts: list[str] = []
    for key in (*_DATA, *_METHOD):
        _place(key, rows, columns, facts)
    own = tuple(variants(rows))
    if any(own):
        columns.append(Column("variant", own, number=False, wraps=True))
    for key in _EVALUATION:
        _place(key, rows, columns, facts)
    shared = [f"{method} with {describe(settings)}" for method, settings in shared_settings(rows).items() if settings]
    return columns, [", ".join(facts), *shared]


def _place(key: _Key, rows: Sequence[Row], columns: list[Column], facts: list[str]) -> None:
    """Put a key into a column where rows differ in it, and into the caption where they do not."""
    cells = tuple(key.cell(row) for row in rows)
    # The whole training set has no images per class and is real: its method says so, no column need repeat it.
    judged = [row for row in rows if row["method"] != "full"] if key.heading in ("ipc", "train on") else list(rows)
    alone = len(rows) == 1 and key.heading in ("method", "weighting")
    if len({key.cell(row) for row in judged}) > 1 or alone:
        columns.append(Column(key.heading, cells, number=key.number))
    elif judged and key.cell(judged[0]) not in (NOTHING, "synthetic"):
        facts.append(key.fact(judged[0]))


def _percent(row: Row, metric: str, plus_minus: str | None) -> str:
    mean, std = mean_of(row, metric), std_of(row, metric)
    if mean is None:
        return NOTHING
    return f"{100 * mean:.1f}" + (f" {plus_minus} {100 * std:.1f}" if plus_minus and std is not None else "")


def _groups(row: Row) -> int | None:
    """Return the number of groups, None where it is not known."""
    return len(row["cell_count"][0]) if row["cell_count"] else None


def _seconds(row: Row) -> str:
    """Return the time of all stages that are known."""
    known = [value for value in row["seconds"].values() if value is not None]
    return f"{math.fsum(known):.0f}" if known else NOTHING


def _published_cell(row: Row) -> str:
    return " / ".join(f"{100 * p.accuracy:.1f}" for p in published_for(row) if p.accuracy is not None) or NOTHING


def _best(rows: Sequence[Row]) -> tuple[bool, ...]:
    """Tell for each row whether no comparable one is more accurate; the whole training set does not compete."""
    groups = [
        hashable([row["dataset"], row["conflict_ratio"], row["ipc"], row["network"], row["trainer"]]) for row in rows
    ]
    values = [-math.inf if row["method"] == "full" else mean_of(row, "accuracy") for row in rows]
    highest: dict[object, float] = {}
    for group, value in zip(groups, values, strict=True):
        highest[group] = max(highest.get(group, -math.inf), -math.inf if value is None else value)
    return tuple(
        value == highest[group] > -math.inf and groups.count(group) > 1
        for group, value in zip(groups, values, strict=True)
    )


def _explain(headings: set[str], plus_minus: str) -> str:
    """Return one line on the figures that are there."""
    parts = [f"percent; {plus_minus}: standard deviation over networks and sets"]
    if "DEO_A" in headings:
        parts.append("DEO_M, DEO_A: largest and mean accuracy gap between groups (lower is better)")
    if "worst" in headings:
        parts.append("worst: least accurate class and group")
    if "conflict" in headings:
        parts.append("aligned, conflict: accuracy on bias-aligned, bias-conflicting images")
    if "ratio" in headings:
        parts.append("ratio: bias-conflicting training images")
    return "; ".join(parts)
