"""Accuracy against fairness, a chart for each data set."""

from __future__ import annotations

from collections.abc import Sequence

from fdd_lightning.pages.parts import Part, Picture, Text
from fdd_lightning.report.charts import FONT, LINE, Panel, Series, as_svg, dress, handles_of, page, series_of
from fdd_lightning.report.figures.accuracy_deo import draw_panel, measured_panels
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import LeftOut, Section
from fdd_lightning.report.words import percent

WIDTH, HEIGHT = 5.0, 3.9
"""Inches of a chart without its legend: narrow, so that it can be read on a phone."""
PIXELS = 620
"""Pixels that it is wide where there is room."""
MOST_CHARTS = 24
MOST_NAMED = 40
"""Series that a legend names."""
SAID = 12
"""Series that the alternative text names."""


class Fairness(Section):
    """Accuracy (up) against the mean accuracy gap between groups (right is less fair).

    Example:
        >>> Fairness().parts(Report([]))
        []
    """

    title = "Accuracy against fairness"
    place = 60

    def parts(self, report: Report) -> list[Part]:
        """Return a chart for each data set, or why there is none."""
        rows = report.rows
        drawn = measured_panels(rows)
        if not drawn:
            said = (
                "No row has both accuracy and DEO_A, which needs group labels, and enough test images of two groups of "
                "a class."
            )
            return [LeftOut(said)] if rows else []
        parts: list[Part] = [_chart(panel, series_of(panel, rows)) for panel in drawn[:MOST_CHARTS]]
        if len(drawn) > MOST_CHARTS:
            parts.append(Text(f"{len(drawn) - MOST_CHARTS} more data sets stand in the table alone.", "note"))
        return parts


def _chart(panel: Panel, series: Sequence[Series]) -> Picture:
    named = series if len(series) <= MOST_NAMED else ()
    columns = 2 if max((len(s.name) for s in named), default=0) < 26 else 1
    whole = page(WIDTH, HEIGHT + LINE * -(-len(named) // columns))
    ax = whole.subplots()
    dress(ax)
    draw_panel(ax, panel, series)
    ax.set_title(panel.title, fontsize=FONT + 1, loc="left", pad=22)
    if named:
        whole.legend(
            handles=handles_of(named, "none"), loc="outside lower left", ncols=columns, frameon=False, fontsize=FONT
        )
    points = [
        f"{s.name} {percent(row, row.headline)} with a gap of {percent(row, 'deo_mean')}"
        for s in series
        for row in s.rows
    ]
    more = f"; {len(points) - SAID} more stand in the table" if len(points) > SAID else ""
    alt = f"Accuracy against DEO_A on {panel.title}: {'; '.join(points[:SAID])}{more}"
    told = "" if named or not series else f"{len(series)} series are too many to be named: see the table"
    return Picture(as_svg(whole), alt, "image/svg+xml", caption=told, width=PIXELS, chart=True)
