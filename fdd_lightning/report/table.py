"""Rows as a table: in the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.columns import Column, Content, content

CAPTION_WIDTH = 100


def table(
    rows: Sequence[Row],
    *,
    width: int | None = None,
    with_published: bool = False,
    title: str | None = None,
    plus_minus: str = "±",
) -> Group:
    """Lay rows out as a table with a caption, for a rich console.

    Columns in which all rows agree stand in the caption; the best accuracy is bold.

    Args:
        rows: Results in the order of the table.
        width: Characters there are. Where they do not suffice, columns move together, then the least needed ones are
            left out and named in the caption; None is as wide as it takes.
        with_published: Add a column with the papers' accuracies, where there are any.
        title: A line above it.
        plus_minus: Sign between mean and deviation.
    """
    said = content(rows, with_published=with_published, plus_minus=plus_minus)
    shown, gap = _fit(said.columns, width)
    made = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for column in shown:
        made.add_column(
            column.heading,
            justify="right" if column.number else "left",
            no_wrap=not column.wraps,
            min_width=_narrowest(column),
            overflow="fold",
        )
    for number, best in enumerate(said.best):
        made.add_row(*(Text(c.cells[number], "bold" if best and c.heading == "accuracy" else "") for c in shown))
    caption = list(said.caption)
    left_out = [column.heading for column in said.columns if column not in shown]
    if left_out:
        caption.append(f"left out for want of width: {', '.join(left_out)}")
    parts: list[Table | Text] = [Text(title, "bold")] if title else []
    return Group(*parts, made, Text(), Text("\n".join(caption), style="dim"))


def print_table(
    rows: Sequence[Row], *, with_published: bool = False, title: str | None = None, console: Console | None = None
) -> None:
    """Print the table; into a pipe or a file in full and plainly, whatever a window's width.

    Args:
        rows: Results in the order of the table.
        with_published: Add a column with the papers' accuracies, where there are any.
        title: A line above it.
        console: Where to, and its width decides; None is standard output.
    """
    target = console or Console(highlight=False)
    plus_minus = "±" if target.encoding.lower().startswith("utf") else "+-"
    if console is None and not target.is_terminal:
        columns = content(rows, with_published=with_published, plus_minus=plus_minus).columns
        target = Console(highlight=False, width=max(CAPTION_WIDTH, _width(columns, 2)))
    made = table(rows, width=target.width, with_published=with_published, title=title, plus_minus=plus_minus)
    target.print(made)


def markdown(rows: Sequence[Row], *, with_published: bool = True) -> str:
    """Return the rows as a Markdown table with its caption; deviations for every metric, a newline at the end."""
    return as_markdown(content(rows, with_published=with_published, spreads=True))


def as_markdown(said: Content) -> str:
    """Return what a table says as Markdown: the table, then its caption as a list, a newline at the end."""
    lines = [[column.heading for column in said.columns], ["---:" if c.number else "---" for c in said.columns]]
    for number, best in enumerate(said.best):
        cells = [_escape(column.cells[number]) for column in said.columns]
        if best:
            cells = [f"**{t}**" if c.heading == "accuracy" else t for c, t in zip(said.columns, cells, strict=True)]
        lines.append(cells)
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    notes = "\n".join(f"- {_escape(note)}" for note in said.caption)
    return f"{text}\n\n{notes}\n"


def _escape(text: str) -> str:
    """Keep characters of a name from being read as Markdown."""
    for character in ("\\", "|", "*"):
        text = text.replace(character, f"\\{character}")
    return text


def _narrowest(column: Column) -> int:
    """Return the least width in which nothing of a column is cut."""
    texts = (column.heading, *column.cells)
    return max(cell_len(word) for text in texts for word in ((text.split() or [""]) if column.wraps else [text]))


def _width(columns: Sequence[Column], gap: int) -> int:
    """Return the width of a table, cells of wrapping columns on as many lines as need be."""
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
