"""What the rows cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fdd_lightning.pages.parts import Part, Table
from fdd_lightning.report.material import Place, Report
from fdd_lightning.report.results_table import NOTHING
from fdd_lightning.report.sections import Section
from fdd_lightning.report.words import duration

STAGES = ("fit", "distill", "eval")


class Cost(Section):
    """Time by stage, all seeds of a row together.

    Example:
        >>> Cost().parts(Report([]))
        []
    """

    title = "Cost"
    place = 130

    def parts(self, report: Report) -> list[Part]:
        """Return a table of times."""
        if not report.rows:
            return []
        named = [*STAGES, *dict.fromkeys(key for row in report.rows for key in row.seconds if key not in STAGES)]
        return [_table(place, named) for place in report.places]


def _table(place: Place, named: Sequence[str]) -> Table:
    rows = []
    for label, entry in zip(place.labels, place.entries, strict=True):
        times = [entry.row.seconds.get(stage) for stage in named]
        known = [time for time in times if time is not None]
        texts = [NOTHING if time is None else duration(time) for time in times]
        rows.append([label, *texts, duration(math.fsum(known)) if known else NOTHING])
    caption = f"{place.title}: time by stage, all seeds together; what rows share (an encoder) stands in each of them"
    return Table(["row", *named, "together"], rows, caption)
