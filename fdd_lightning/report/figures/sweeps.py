"""Accuracy and fairness over a numeric setting (Cui et al. 2024, Figures 3 and 6)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter

from fdd_lightning.artefacts.results import Row, mean_of
from fdd_lightning.report.labels import labels
from fdd_lightning.report.placement import beyond_the_right_edge, laid_out, measure
from fdd_lightning.report.series import percent, room, spread_of
from fdd_lightning.report.style import (
    DPI,
    FONT,
    MARKER,
    MARKERS,
    MORE_MARKERS,
    colours,
    dress,
    markers,
    page,
    panels,
    save,
)
from fdd_lightning.report.sweep import Family, sweeps, value_of

FILES = ("sweep_*.png",)
METRICS = {"accuracy": "accuracy (%)", "deo_mean": "DEO_A: mean gap between groups (%)"}
WIDTH, HEIGHT = 6.0, 3.9
"""Inches of one pair of axes."""
PALEST = 0.45
"""How near to white the last of several lines of one weighting is, from 0 to 1."""
GAP = 4
"""Points between the figures of two ticks at least."""
FEW = 6
"""Lines of a panel that can be named where they end; more have a legend."""
LOOK: dict[str, Any] = {
    "linewidth": 1.6,
    "markersize": MARKER - 1.5,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
}
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class _Line:
    """One line of a chart: a sweep, or the level of the row to compare with (then there are no values)."""

    label: str
    values: tuple[float, ...]
    rows: tuple[Row, ...]
    colour: Colour
    marker: str


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw a picture for each setting of which rows have three values or more, all else being equal."""
    tints, signs = colours(rows), markers(rows)
    measured = [row for row in rows if mean_of(row, "accuracy") is not None]
    return [
        accuracy_over_setting(families, folder / f"sweep_{key}.png", tints, signs)
        for key, families in sweeps(measured).items()
    ]


def accuracy_over_setting(
    families: Sequence[Family], path: str | Path, tints: dict[str, str], signs: dict[str, str]
) -> Path:
    """Draw accuracy, and DEO_A where it exists, over a numeric setting; a line of panels for each data set and ratio.

    Bars are standard deviations. Rows without weighting are dashed levels. The axis is logarithmic where values span
    more than a factor of ten.

    Args:
        families: At least one, all of the same setting, with accuracies.
        path: The PNG to write.
        tints: Colour of each weighting.
        signs: Marker of each method.
    """
    own = {id(family.rows[0]): family for family in families}
    parts = [
        (panel.title, _lines([own[id(row)] for row in panel.rows], tints, signs))
        for panel in panels([family.rows[0] for family in families])
    ]
    metrics = [m for m in METRICS if any(mean_of(row, m) is not None for f in families for row in f.rows)]
    values = sorted({value for family in families for value in family.values})
    height = max(HEIGHT, 1.0 + 0.2 * max(len(lines) for _, lines in parts))
    made = page(WIDTH * len(metrics), height * len(parts))
    grid = made.add_gridspec(len(parts), len(metrics))
    columns: list[list[Axes]] = [[] for _ in metrics]
    for number, (title, lines) in enumerate(parts):
        for axes, metric, spot in zip(columns, metrics, range(len(metrics)), strict=True):
            first = axes[0] if axes else None
            axes.append(
                made.add_subplot(grid[number, spot], sharex=columns[0][0] if columns[0] else None, sharey=first)
            )
            _draw(axes[-1], lines, metric)
            axes[-1].set_ylabel(METRICS[metric], fontsize=FONT)
            axes[-1].set_xlabel(families[0].key, fontsize=FONT)
        columns[0][-1].set_title(title, fontsize=FONT + 1, loc="left")
    _scale(columns[0][0], values)
    for axes in columns:
        room(axes)
    for number, (_, lines) in enumerate(parts):
        if len(lines) > FEW:
            _legend(columns[-1][number], lines)
            continue
        for axes, metric in zip(columns, metrics, strict=True):
            _name(axes[number], lines, metric)
    made.draw_without_rendering()  # names take room: only now is it known how wide axes are
    _ticks(min((axes[0] for axes in columns), key=lambda ax: ax.get_window_extent().width), values)
    return save(made, path)


def _lines(families: Sequence[Family], tints: dict[str, str], signs: dict[str, str]) -> list[_Line]:
    """Return the lines of a panel; those of one weighting fade and differ in their markers."""
    key = families[0].key
    levels = {id(f.vanilla): f.vanilla for f in families if f.vanilla is not None}
    rows = [family.rows[0] for family in families] + list(levels.values())
    bare = [cast(Row, {**row, "settings": {k: v for k, v in row["settings"].items() if k != key}}) for row in rows]
    sizes = {row["ipc"] for row in rows}
    many = Counter(row["weighting"] for row in rows)
    met: Counter[str] = Counter()
    others = [sign for sign in (*MORE_MARKERS, *MARKERS.values()) if sign not in signs.values()]
    spare = {weighting: cycle(others or MORE_MARKERS) for weighting in many}
    seen: set[tuple[str, str]] = set()
    found = []
    for number, (row, name) in enumerate(zip(rows, labels(bare), strict=True)):
        pale = PALEST * met[row["weighting"]] / max(1, many[row["weighting"]] - 1)
        met[row["weighting"]] += 1
        pair = (row["method"], row["weighting"])
        marker = next(spare[row["weighting"]]) if pair in seen else signs[row["method"]]
        seen.add(pair)
        swept = families[number] if number < len(families) else None
        label = name + (f", ipc {row['ipc']}" if len(sizes) > 1 and row["ipc"] is not None else "")
        if swept is None and (value := value_of(row, key)) is not None:
            label += f", at {value:g}"
        colour = _faded(tints[row["weighting"]], pale)
        found.append(_Line(label, swept.values if swept else (), swept.rows if swept else (row,), colour, marker))
    return found


def _faded(colour: str, pale: float) -> Colour:
    red, green, blue = (part + pale * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def _points(line: _Line, metric: str) -> list[tuple[float, Row]]:
    """Return the values and rows that have a metric; a level has the value nan."""
    values = line.values or (math.nan,)
    return [(v, row) for v, row in zip(values, line.rows, strict=True) if mean_of(row, metric) is not None]


def _draw(ax: Axes, lines: Sequence[_Line], metric: str) -> None:
    dress(ax)
    for line in lines:
        points = _points(line, metric)
        if not line.values:
            for _, row in points:
                ax.axhline(percent(row, metric), color=line.colour, linestyle="--", linewidth=1.2)
            continue
        ax.errorbar(
            [value for value, _ in points],
            [percent(row, metric) for _, row in points],
            yerr=[spread_of(row, metric) for _, row in points],
            color=line.colour,
            marker=line.marker,
            elinewidth=1,
            capsize=2,
            **LOOK,
        )


def _scale(ax: Axes, values: Sequence[float]) -> None:
    """Set the limits of the setting's axis; it is logarithmic where values span much."""
    low, high = values[0], values[-1]
    if low > 0 and high > 10 * low:
        ax.set_xscale("log")
        pad = (high / low) ** 0.03
        ax.set_xlim(low / pad, high * pad)
    else:
        pad = 0.03 * (high - low)
        ax.set_xlim(low - pad, high + pad)


def _ticks(ax: Axes, values: Sequence[float]) -> None:
    """Put ticks at the values, with their figures as far as these have room; axes that share theirs follow."""
    texts = [f"{value:g}" for value in values]
    places = ax.transData.transform([(value, 0) for value in values])[:, 0]
    renderer = laid_out(ax)[1]
    halves = [measure(ax, text, renderer)[0] / 2 for text in texts]
    gap = GAP * DPI / 72
    shown = [0]
    for number, place in enumerate(places):
        if place - places[shown[-1]] >= halves[shown[-1]] + gap + halves[number]:
            shown.append(number)
    ax.xaxis.set_major_locator(FixedLocator([values[number] for number in shown]))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_locator(FixedLocator([value for n, value in enumerate(values) if n not in shown]))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _legend(ax: Axes, lines: Sequence[_Line]) -> None:
    """Name lines right of axes, each with its colour and marker."""
    handles = [
        Line2D(
            [],
            [],
            color=line.colour,
            marker=line.marker if line.values else None,
            linestyle="-" if line.values else "--",
            label=line.label,
            **LOOK,
        )
        for line in lines
    ]
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=FONT)


def _name(ax: Axes, lines: Sequence[_Line], metric: str) -> None:
    """Write each line's label where it ends."""
    edge = ax.get_xlim()[1]
    ended = [(line, points[-1]) for line in lines if (points := _points(line, metric))]
    beyond_the_right_edge(
        ax,
        [(value if line.values else edge, percent(row, metric)) for line, (value, row) in ended],
        [line.label for line, _ in ended],
        [to_hex(line.colour) for line, _ in ended],
    )
