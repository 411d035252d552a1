"""Accuracy and fairness over a numeric setting (Cui et al. 2024, Figures 3 and 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter

from fdd_lightning.artefacts.results import ACCURACY, Row
from fdd_lightning.report.charts import FONT, Series, chart_page, draw_lines, legends, looks_of, panels, save
from fdd_lightning.report.figures import Figure
from fdd_lightning.report.hyperparameter_sweeps import Sweep, sweeps, value_of, without
from fdd_lightning.report.metrics import axis
from fdd_lightning.report.row_names import names_of
from fdd_lightning.report.uneven_tests import headline_of

METRICS = (ACCURACY, "deo_mean")
WIDTH, HEIGHT = 5.0, 3.9
"""Inches of one pair of axes."""
TICK, CHARACTER = 0.02, 0.016
"""Shares of the axes' width that part two ticks, and that a character of a tick's label takes."""


class AccuracyAgainstHyperparameter(Figure):
    """Accuracy, and DEO_A where it exists, over a numeric setting; a line of panels for each data set and ratio.

    Bars are standard deviations. Rows without weighting are dashed levels. The axis is logarithmic where values span
    more than a factor of ten.

    Example:
        >>> AccuracyAgainstHyperparameter().draw([], Path())  # where no row allows it
        []
    """

    files = ("sweep_*.png",)

    def draw(self, rows: Sequence[Row], folder: Path) -> list[Path]:
        """Draw a chart for each setting of which rows have three values or more, all else being equal."""
        measured = [row for row in rows if row.mean("accuracy") is not None]
        return [_draw(key, each, rows, folder / f"sweep_{key}.png") for key, each in sweeps(measured).items()]


def _draw(key: str, swept: Sequence[Sweep], rows: Sequence[Row], path: Path) -> Path:
    first_rows = {id(sweep.rows[0]): sweep for sweep in swept}
    drawn = panels([sweep.rows[0] for sweep in swept])
    parts = [_series([first_rows[id(row)] for row in panel.rows], rows) for panel in drawn]
    metrics = [m for m in METRICS if any(row.mean(m) is not None for sweep in swept for row in sweep.rows)]
    whole, axes = chart_page(drawn, parts, WIDTH, HEIGHT, metrics=len(metrics))
    lines = [axes[n * len(metrics) : (n + 1) * len(metrics)] for n in range(len(parts))]
    for line, series in zip(lines, parts, strict=True):
        headline = headline_of([row for s in series for row in s.rows])
        for ax, metric in zip(line, (headline if m == ACCURACY else m for m in metrics), strict=True):
            draw_lines(ax, series, metric, lambda row: value_of(row, key))
            ax.set_ylabel(fill(axis(metric), 30), fontsize=FONT)
            ax.set_xlabel(key, fontsize=FONT)
    _scale(axes[0], sorted({value for sweep in swept for value in sweep.values}))
    legends(whole, [line[-1] for line in lines], parts)
    return save(whole, path)


def _series(swept: Sequence[Sweep], rows: Sequence[Row]) -> list[Series]:
    """Return the series of a panel: its sweeps, then the levels to compare with."""
    key = swept[0].key
    levels = {id(sweep.vanilla): sweep.vanilla for sweep in swept if sweep.vanilla is not None}
    shown = [sweep.rows for sweep in swept] + [(row,) for row in levels.values()]
    firsts = [members[0] for members in shown]
    sizes = {row.ipc for row in firsts}
    names = names_of([replace(row, settings=without(row, key)) for row in firsts])
    series = []
    for number, (members, name, look) in enumerate(zip(shown, names, looks_of(firsts, rows), strict=True)):
        row, level = members[0], number >= len(swept)
        more = [f"ipc {row.ipc}"] if len(sizes) > 1 and row.ipc is not None else []
        more += [f"at {value:g}"] if level and (value := value_of(row, key)) is not None else []
        series.append(Series(", ".join([name, *more]), members, *look, level))
    return series


def _scale(ax: Axes, values: Sequence[float]) -> None:
    """Scale the setting's axis, logarithmically where values span much, and name the values that there is room for."""
    low, high = values[0], values[-1]
    log = low > 0 and high > 10 * low
    scale: Callable[[float], float] = math.log if log else float
    ax.set_xscale("log" if log else "linear")
    pad = 0.03 * (scale(high) - scale(low))
    ax.set_xlim(*(math.exp(end) if log else end for end in (scale(low) - pad, scale(high) + pad)))
    shown, right = [], -math.inf
    for value in values:
        middle = (scale(value) - scale(low)) / (scale(high) - scale(low))
        half = CHARACTER * len(f"{value:g}") / 2
        if middle - half >= right + TICK:
            shown.append(value)
            right = middle + half
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_locator(FixedLocator([value for value in values if value not in shown]))
    ax.xaxis.set_minor_formatter(NullFormatter())
