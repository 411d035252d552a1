"""Rows as a table in the terminal, as narrow as that is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.results_table import Column, Content, content_of

CAPTION_WIDTH = 100


def table(
    rows: Sequence[Row],
    *,
    width: int | None = None,
    with_published: bool = False,
    plus_minus: str = "±",
) -> Group:
    """Lay rows out as a table with a caption, for a rich console.

    The best accuracy is bold, the balanced one where the test set is uneven, and so are those that the noise cannot
    tell from it. The arguments are those of :func:`content_of`, and a width in characters (see :func:`laid_out`).
    """
    return laid_out(content_of(rows, with_published=with_published, plus_minus=plus_minus), width)


def laid_out(content: Content, width: int | None = None) -> Group:
    """Lay out what a table says, for a rich console.

    Where the width does not suffice, columns move together, then the least needed ones are left out and named in the
    caption; None is as wide as it takes.
    """
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
    """Print the :func:`table` of rows."""
    print_content(content_of(rows, with_published=with_published, plus_minus=plus_minus()))


def print_content(content: Content) -> None:
    """Print what a table says; into a pipe or a file in full and plainly, whatever a window's width."""
    target = Console(highlight=False)
    if not target.is_terminal:
        target = Console(highlight=False, width=max(CAPTION_WIDTH, _width(content.columns, 2)))
    target.print(laid_out(content, target.width))


def plus_minus() -> str:
    """Return the sign between a mean and its deviation that the terminal can show."""
    return "±" if Console().encoding.lower().startswith("utf") else "+-"


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
