"""Accuracy against DEO_A."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.charts import (
    BAR,
    FONT,
    Panel,
    Series,
    chart_page,
    legends,
    marker_look,
    panels,
    percent,
    save,
    series_of,
    spread,
)
from fdd_lightning.report.figures import Figure
from fdd_lightning.report.hyperparameter_sweeps import sweeps
from fdd_lightning.report.metrics import axis
from fdd_lightning.report.uneven_tests import headline_of

SMALLEST, LARGEST = 4.5, 8.5
"""Sizes of markers for the fewest and the most images per class."""


class AccuracyAgainstDEO(Figure):
    """Accuracy (up) against DEO_A (right is less fair), a panel for each data set and conflict ratio.

    Bars are standard deviations. Numbers of images per class of the same row are joined by a line, the larger marker
    has more. Of a hyperparameter sweep only the preset's value is drawn: it has a figure of its own.

    Example:
        >>> AccuracyAgainstDEO().draw([], Path())  # where no row allows it
        []
    """

    files = ("accuracy_deo.png",)

    def draw(self, rows: Sequence[Row], folder: Path) -> list[Path]:
        """Draw it where rows have both metrics."""
        drawn = measured_panels(rows)
        if not drawn:
            return []
        parts = [series_of(panel, rows) for panel in drawn]
        whole, axes = chart_page(drawn, parts, 5.6 if len(parts) == 1 else 4.6, 4.6, pad=22)
        for ax, panel, series in zip(axes, drawn, parts, strict=True):
            draw_panel(ax, panel, series)
        legends(whole, axes, parts, line="none")
        return [save(whole, folder / self.files[0])]


def measured_panels(rows: Sequence[Row]) -> list[Panel]:
    """Return the panels of rows that have both metrics; of a hyperparameter sweep only the preset's value."""
    swept = {id(row) for key, each in sweeps(rows).items() for s in each for row in s.rows if key in row.settings}
    measured = [row for row in rows if row.mean("accuracy") is not None and row.mean("deo_mean") is not None]
    return panels([row for row in measured if id(row) not in swept])


def draw_panel(ax: Axes, panel: Panel, series: Sequence[Series]) -> None:
    """Draw one panel: its points, what its axes are, and which way is better."""
    metric = headline_of(panel.rows)
    _draw_points(ax, series, metric)
    note: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": FONT}
    ax.annotate("\N{NORTH WEST ARROW} better", (0, 1), (0, 6), color="#2E7D32", weight="bold", **note)
    if any(len(s.rows) > 1 for s in series):
        said = "larger marker: more images per class"
        ax.annotate(said, (1, 1), (0, 6), color="#555555", ha="right", **note)
    ax.set_xlabel(axis("deo_mean"), fontsize=FONT)
    ax.set_ylabel(axis(metric), fontsize=FONT)


def _draw_points(ax: Axes, series: Sequence[Series], metric: str) -> None:
    sizes = sorted({row.ipc for s in series for row in s.rows if row.ipc is not None})
    for s in series:
        points = [(percent(row, "deo_mean"), percent(row, metric)) for row in s.rows]
        ax.plot(*zip(*points, strict=True), color=s.colour, linewidth=1, alpha=0.5, zorder=2)
        for row, (x, y) in zip(s.rows, points, strict=True):
            rank = sizes.index(row.ipc) / (len(sizes) - 1) if row.ipc is not None and len(sizes) > 1 else 1
            look = {**marker_look(s.marker, SMALLEST + rank * (LARGEST - SMALLEST)), **BAR}
            spreads: dict[str, Any] = {"xerr": spread(row, "deo_mean"), "yerr": spread(row, metric)}
            ax.errorbar(x, y, **spreads, color=s.colour, zorder=3, **look)
