"""Rows as a table: what it says (columns, best rows, caption), in the terminal and as Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from fdd_lightning.artefacts.doubts import in_sentences
from fdd_lightning.artefacts.results import ACCURACY, BALANCED, Row
from fdd_lightning.errors import shown
from fdd_lightning.report.metrics import METRICS, explain, metrics_of
from fdd_lightning.report.published import published, published_for
from fdd_lightning.report.row_names import describe, hashable, shared_settings, variants
from fdd_lightning.report.uneven_tests import remarks_on_tests

CAPTION_WIDTH = 100
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
        best: For each row that is the best among comparable ones, the heading of the column that says so; else empty.
        caption: What all rows share and what the figures are, a line each.

    Example:
        >>> as_markdown(Content((Column("ipc", ("1", "10")),), best=("", ""), caption=("dm",)))
        '| ipc |\n| ---: |\n| 1 |\n| 10 |\n\n- dm\n'
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


_WHAT = (
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
)


def content_of(
    rows: Sequence[Row], *, with_published: bool = False, spreads: bool = False, plus_minus: str = "±"
) -> Content:
    """Decide what a table of these rows says.

    A key in which all rows agree moves to the caption; so does a setting that all rows of a method share. Metrics that
    no row has are left out, and balanced accuracy where every test set is even, as plain accuracy then says the same.

    Args:
        rows: Results in the order of the table.
        with_published: Add a column with the papers' accuracies, where there are any.
        spreads: Give standard deviations for every metric, not for accuracy alone.
        plus_minus: Sign between mean and deviation.
    """
    columns, caption = identity_columns(rows)
    headlines = {ACCURACY, *(row.headline for row in rows)}
    metrics = {name: metric for name, metric in metrics_of(rows).items() if name != BALANCED or name in headlines}
    for name, metric in metrics.items():
        sign = plus_minus if spreads or name in headlines else None
        columns.append(Column(metric.heading, tuple(_percent(row, name, sign) for row in rows), spare=metric.spare))
    papers = published(rows) if with_published else []
    if papers:
        columns.append(Column("published", tuple(_published_text(row) for row in rows)))
    if any(row.warnings for row in rows):
        told = tuple(", ".join(row.warnings) or NOTHING for row in rows)
        columns.append(Column("warned", told, number=False, wraps=True))
    columns.append(Column("seconds", tuple(map(_seconds, rows)), spare=4))
    meanings = [f"percent; {plus_minus}: standard deviation over networks and sets", *explain([*metrics.values()])]
    if any(column.heading == "ratio" for column in columns):
        meanings.append("ratio: bias-conflicting training images")
    caption.append("; ".join(meanings))
    caption += remarks_on_tests(rows)
    caption += in_sentences(word for row in rows for word in row.warnings)
    ungrouped = dict.fromkeys(row.dataset for row in rows if row.cell_count and len(row.cell_count[0]) == 1)
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
    for key in _WHAT:
        _place(key, rows, columns, facts)
    variant = tuple(variants(rows))
    if any(variant):
        columns.append(Column("variant", variant, number=False, wraps=True))
    for key in _HOW:
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


def _published_text(row: Row) -> str:
    return " / ".join(f"{100 * p.accuracy:.1f}" for p in published_for(row) if p.accuracy is not None) or NOTHING


def _best(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return for each row that no comparable one exceeds the heading of the metric that they go by, else nothing.

    The whole training set does not compete.
    """
    keys = ("dataset", "conflict_ratio", "ipc", "network", "trainer", "headline")
    groups = [hashable([getattr(row, key) for key in keys]) for row in rows]
    values = [-math.inf if row.method == "full" else row.mean(row.headline) for row in rows]
    highest: dict[object, float] = {}
    for group, value in zip(groups, values, strict=True):
        highest[group] = max(highest.get(group, -math.inf), -math.inf if value is None else value)
    return tuple(
        METRICS[row.headline].heading if value == highest[group] > -math.inf and groups.count(group) > 1 else ""
        for row, group, value in zip(rows, groups, values, strict=True)
    )


def table(
    rows: Sequence[Row],
    *,
    width: int | None = None,
    with_published: bool = False,
    plus_minus: str = "±",
) -> Group:
    """Lay rows out as a table with a caption, for a rich console.

    The best accuracy is bold, the balanced one where the test set is uneven. The arguments are those of
    :func:`content_of`, and a width in characters: where it does not suffice, columns move together, then the least
    needed ones are left out and named in the caption; None is as wide as it takes.
    """
    content = content_of(rows, with_published=with_published, plus_minus=plus_minus)
    shown, gap = _fit(content.columns, width)
    grid = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for column in shown:
        grid.add_column(
            column.heading,
            justify="right" if column.number else "left",
            no_wrap=not column.wraps,
            min_width=_narrowest(column),
            overflow="fold",
        )
    for number, best in enumerate(content.best):
        grid.add_row(*(Text(c.texts[number], "bold" if best == c.heading else "") for c in shown))
    caption = list(content.caption)
    left_out = [column.heading for column in content.columns if column not in shown]
    if left_out:
        caption.append(f"left out for want of width: {', '.join(left_out)}")
    return Group(grid, Text(), Text("\n".join(caption), style="dim"))


def print_table(rows: Sequence[Row], *, with_published: bool = False) -> None:
    """Print the :func:`table`; into a pipe or a file in full and plainly, whatever a window's width."""
    target = Console(highlight=False)
    plus_minus = "±" if target.encoding.lower().startswith("utf") else "+-"
    if not target.is_terminal:
        columns = content_of(rows, with_published=with_published, plus_minus=plus_minus).columns
        target = Console(highlight=False, width=max(CAPTION_WIDTH, _width(columns, 2)))
    target.print(table(rows, width=target.width, with_published=with_published, plus_minus=plus_minus))


def markdown(rows: Sequence[Row], *, with_published: bool = True) -> str:
    """Return the rows as a Markdown table with its caption; deviations for every metric, a newline at the end."""
    return as_markdown(content_of(rows, with_published=with_published, spreads=True))


def as_markdown(content: Content) -> str:
    """Return what a table says as Markdown: the table, then its caption as a list, a newline at the end."""
    lines = [[column.heading for column in content.columns], ["---:" if c.number else "---" for c in content.columns]]
    for number, best in enumerate(content.best):
        texts = [escaped(column.texts[number]) for column in content.columns]
        if best:
            texts = [f"**{t}**" if c.heading == best else t for c, t in zip(content.columns, texts, strict=True)]
        lines.append(texts)
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    notes = "\n".join(f"- {escaped(note)}" for note in content.caption)
    return f"{text}\n\n{notes}\n"


def escaped(text: str) -> str:
    """Keep characters of a name from being read as Markdown, or as HTML in it."""
    return re.sub(r"[\\|*`\[<]", r"\\\g<0>", shown(text)).replace("\\<", "&lt;")


def _narrowest(column: Column) -> int:
    """Return the least width in which nothing of a column is cut."""
    texts = (column.heading, *column.texts)
    return max(cell_len(word) for text in texts for word in ((text.split() or [""]) if column.wraps else [text]))


def _width(columns: Sequence[Column], gap: int) -> int:
    """Return the width of a table, texts of wrapping columns on as many lines as need be."""
    return sum(map(_narrowest, columns)) + gap * (len(columns) - 1) + (gap - 1)


def _fit(columns: Sequence[Column], width: int | None) -> tuple[list[Column], int]:
    """Choose what is shown in a width, and how many spaces part the columns."""
    shown = list(columns)
    while width is not None and _width(shown, 1) > width:
        spare = max(shown, key=lambda column: column.spare)
        if not spare.spare:
            break
        shown.remove(spare)
    return shown, 2 if width is None or _width(shown, 2) <= width else 1
