"""Rows as lines of a chart, and their figures in percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from fdd_lightning.artefacts.results import Row, mean_of, std_of
from fdd_lightning.report.labels import labels
from fdd_lightning.report.style import Panel, colours, markers, panels


@dataclass(frozen=True)
class Series:
    """Rows of one method, weighting and variant, by rising number of images per class."""

    label: str
    rows: list[Row]
    colour: str
    marker: str


def by_panel(rows: Sequence[Row], drawn: Sequence[Row]) -> list[tuple[Panel, list[Series]]]:
    """Split drawn rows into panels, and each panel into series.

    Colours and markers are those of all rows; a label tells a series from the others of its panel, no more.
    """
    tints, signs = colours(rows), markers(rows)
    result = []
    for panel in panels(drawn):
        found: dict[str, list[Row]] = {}
        for row, label in zip(panel.rows, labels(panel.rows), strict=True):
            found.setdefault(label, []).append(row)
        series = [
            Series(name, sorted(own, key=lambda r: r["ipc"] or 0), tints[own[0]["weighting"]], signs[own[0]["method"]])
            for name, own in found.items()
        ]
        result.append((panel, series))
    return result


def room(axes: Sequence[Axes], *, sideways: bool = False) -> None:
    """Leave room for labels around the points of axes that share their limits; stay near 0 to 100%."""
    low, high = axes[0].get_ylim()
    pad = 0.06 * (high - low)
    axes[0].set_ylim(max(-2, low - pad), min(102, high + pad))
    if sideways:
        left, right = axes[0].get_xlim()
        pad = 0.08 * (right - left)
        axes[0].set_xlim(max(-2, left - pad), min(108, right + pad))


def percent(row: Row, metric: str) -> float:
    """Return a metric's mean in percent, 0 where it does not exist."""
    return 100 * (mean_of(row, metric) or 0.0)


def spread_of(row: Row, metric: str) -> float:
    """Return a metric's standard deviation in percent, 0 where it is not known."""
    return 100 * (std_of(row, metric) or 0.0)
