"""Accuracy by class and group, as heat maps."""

from __future__ import annotations

from fdd_lightning.pages.parts import Cell, Fold, Part, Table, Text
from fdd_lightning.report.material import Entry, Report
from fdd_lightning.report.results_table import NOTHING
from fdd_lightning.report.sections import Section
from fdd_lightning.report.sections.in_short import best_made, compared_with

OPEN = 2
"""Heat maps that can be seen at once; the others open on demand."""
MOST_CELLS = 12_000
"""Cells of all heat maps together."""


class Cells(Section):
    """Which classes and groups are right how often: a heat map for each row, the best set's first.

    Example:
        >>> Cells().parts(Report([]))
        []
    """

    title = "By class and group"
    place = 80

    def parts(self, report: Report) -> list[Part]:
        """Return a table of accuracies in percent for each row."""
        known = [entry for entry in report.entries if entry.row.cell_accuracy]
        if not known:
            return []
        best = best_made(known) or known[0]
        before, _ = compared_with(best.row, report.rows)
        known.sort(key=lambda entry: (entry is not best, entry.row is not before))
        maps, left = [], MOST_CELLS
        for entry in known:
            left -= sum(map(len, entry.row.cell_accuracy or []))
            if left >= 0:
                maps.append((entry.label, _map(entry, report)))
        parts: list[Part] = [table for _, table in maps[:OPEN]]
        parts += [Fold(label, [table]) for label, table in maps[OPEN:]]
        if len(maps) < len(known):
            parts.append(Text(f"{len(known) - len(maps)} rows are left out, for the page's size.", "note"))
        return parts


def _map(entry: Entry, report: Report) -> Table:
    classes, groups = report.names(entry)
    accuracies = entry.row.cell_accuracy or []
    alone = len(accuracies[0]) == 1
    lines: list[list[str | Cell]] = [
        [name, *(Cell(NOTHING) if value is None else Cell(f"{100 * value:.0f}", round(10 * value)) for value in line)]
        for name, line in zip(classes, accuracies, strict=True)
    ]
    heads = ["class", "accuracy"] if alone else ["class", *groups]
    seen = "of each class" if alone else "of each class (rows) and group (columns)"
    caption = f"{entry.label}: test images {seen} that are right, in percent"
    return Table(heads, lines, caption, kind="heat")
