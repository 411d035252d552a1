"""The table of all rows."""

from __future__ import annotations

from collections.abc import Sequence

from fdd_lightning.pages.parts import Bullets, Cell, Fold, Part, Table
from fdd_lightning.report.material import Report
from fdd_lightning.report.results_table import Content, content_of, spreads_of
from fdd_lightning.report.sections import Section

IN_LABELS = {"data", "ratio", "method", "weighting", "variant", "ipc", "network", "trainer", "preset"}
"""Columns that say what a row's label says."""
LAST = {"train on", "evaluation", "nets", "seeds", "eval seeds", "run", "warned"}
"""Columns that stand behind the figures."""


class Results(Section):
    """The table of every finished row, with the figures of the terminal's table; for each data set one.

    Example:
        >>> Results().parts(Report([]))
        []
    """

    title = "Results"
    place = 30

    def parts(self, report: Report) -> list[Part]:
        """Return the tables, what their columns mean, and how sure their figures are."""
        if not report.rows:
            return []
        parts: list[Part] = []
        sure: list[Part] = []
        contents = [content_of([entry.row for entry in place.entries], spreads=True) for place in report.places]
        everywhere = [note for note in contents[0].caption if all(note in each.caption for each in contents)]
        for place, content in zip(report.places, contents, strict=True):
            parts.append(labelled_table(content, place.labels, f"{place.title}: figures in percent"))
            if own := [note for note in content.caption if note not in everywhere]:
                parts.append(Bullets(own, "note"))
            spreads = spreads_of([entry.row for entry in place.entries])
            if spreads is not None:
                title = f"{place.title}: {spreads.caption[-1]}"
                sure.append(labelled_table(spreads, place.labels, title))
        parts.append(Bullets(everywhere, "note"))
        return [*parts, *([Fold("How sure each figure is: deviations and 95% intervals", sure)] if sure else [])]


def labelled_table(content: Content, labels: Sequence[str], caption: str) -> Table:
    """Return what a table says with each row's label in place of the columns that it stands for."""
    shown = [column for column in content.columns if column.heading not in IN_LABELS | LAST]
    shown += [column for column in content.columns if column.heading in LAST]
    rows: list[list[str | Cell]] = [
        [label, *(Cell(c.texts[n], bold=True) if best == c.heading else c.texts[n] for c in shown)]
        for n, (label, best) in enumerate(zip(labels, content.best, strict=True))
    ]
    numbers = [False, *(column.number for column in shown)]
    return Table(["row", *(column.heading for column in shown)], rows, caption, numbers=numbers)
