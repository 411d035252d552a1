"""How runs differ that share rows."""

from __future__ import annotations

from fdd_lightning.pages.parts import Bullets, Part, Table
from fdd_lightning.report.material import Report
from fdd_lightning.report.run_differences import run_differences
from fdd_lightning.report.sections import Section


class BetweenRuns(Section):
    """The equal rows of several runs: each run's against those of the first, with the intervals of the differences.

    Example:
        >>> BetweenRuns().parts(Report([]))
        []
    """

    title = "Differences between runs"
    place = 35

    def parts(self, report: Report) -> list[Part]:
        """Return a table for each run that shares rows with the first one."""
        parts: list[Part] = []
        for title, content in run_differences(report.rows):
            heads, numbers = [c.heading for c in content.columns], [c.number for c in content.columns]
            rows = [[column.texts[n] for column in content.columns] for n in range(len(content.best))]
            parts += [Table(heads, rows, title, numbers=numbers), Bullets(content.caption, "note")]
        return parts
