"""Accuracy against images per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.ticker import FixedLocator, NullLocator

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.charts import FONT, chart_page, draw_lines, legends, panels, save, series_of
from fdd_lightning.report.figures import Figure
from fdd_lightning.report.metrics import axis
from fdd_lightning.report.uneven_tests import headline_of


class AccuracyAgainstIPC(Figure):
    """Accuracy against images per class, a line for each method, weighting and variant.

    Bars are standard deviations; the whole training set, where it was evaluated, is a dashed level.

    Example:
        >>> AccuracyAgainstIPC().draw([], Path())  # where no row allows it
        []
    """

    files = ("accuracy_ipc.png",)

    def draw(self, rows: Sequence[Row], folder: Path) -> list[Path]:
        """Draw it where rows have two or more numbers of images per class."""
        measured = [row for row in rows if row.mean("accuracy") is not None]
        sizes = sorted({row.ipc for row in measured if row.ipc is not None})
        if len(sizes) < 2:
            return []
        drawn = [panel for panel in panels(measured) if any(row.ipc is not None for row in panel.rows)]
        parts = [[replace(s, level=s.rows[0].ipc is None) for s in series_of(panel, rows)] for panel in drawn]
        whole, axes = chart_page(drawn, parts, 5.6 if len(parts) == 1 else 4.6, 4.4)
        for ax, panel, series in zip(axes, drawn, parts, strict=True):
            metric = headline_of(panel.rows)
            draw_lines(ax, series, metric, lambda row: row.ipc)
            ax.set_xlabel("images per class", fontsize=FONT)
            ax.set_ylabel(axis(metric), fontsize=FONT)
        axes[0].set_xscale("log")
        axes[0].set_xlim(sizes[0] / 1.12, sizes[-1] * 1.12)
        axes[0].xaxis.set_major_locator(FixedLocator(sizes))
        axes[0].xaxis.set_major_formatter(lambda size, _: f"{size:g}")
        axes[0].xaxis.set_minor_locator(NullLocator())
        legends(whole, axes, parts)
        return [save(whole, folder / self.files[0])]
