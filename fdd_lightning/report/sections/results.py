"""The table of all rows."""

from __future__ import annotations

from fdd_lightning.pages.parts import Bullets, Cell, Part, Table
from fdd_lightning.report.material import Place, Report
from fdd_lightning.report.results_table import Column, Content, content_of
from fdd_lightning.report.sections import Section

IN_LABELS = {"data", "ratio", "method", "weighting", "variant", "ipc", "network", "trainer", "preset"}
"""Columns that say what a row's label says."""
LAST = {"train on", "evaluation", "nets", "seeds", "warned"}
"""Columns that stand behind the figures."""


class Results(Section):
    """The table of every finished row, with the figures of the terminal's table.

    Example:
        >>> Results().parts(Report([]))
        []
    """

    title = "Results"
    place = 30

    def parts(self, report: Report) -> list[Part]:
        """Return the table and what its columns mean."""
        if not report.rows:
            return []
        contents = [content_of([entry.row for entry in place.entries], spreads=True) for place in report.places]
        everywhere = [note for note in contents[0].caption if all(note in each.caption for each in contents)]
        parts: list[Part] = []
        for place, content in zip(report.places, contents, strict=True):
            parts.append(_table(place, content))
            if own := [note for note in content.caption if note not in everywhere]:
                parts.append(Bullets(own, "note"))
        return [*parts, Bullets(everywhere, "note")]


def _table(place: Place, content: Content) -> Table:
    shown = [column for column in content.columns if column.heading not in IN_LABELS | LAST]
    shown += [column for column in content.columns if column.heading in LAST]
    rows = [
        [label, *(_cell(column, number, best) for column in shown)]
        for number, (label, best) in enumerate(zip(place.labels, content.best, strict=True))
    ]
    caption = f"{place.title}: figures in percent, the best of comparable rows is bold"
    numbers = [False, *(column.number for column in shown)]
    return Table(["row", *(column.heading for column in shown)], rows, caption, numbers=numbers)


def _cell(column: Column, number: int, best: str) -> str | Cell:
    text = column.texts[number]
    return Cell(text, bold=True) if best == column.heading else text
