"""The charts of a report: accuracy against DEO_A, and accuracy against images per class.

Drawn with matplotlib's Agg back end through figure objects: no window, no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import Bbox

from fdd_lightning.report.labels import labels
from fdd_lightning.report.placement import beside_points, beyond_the_right_edge
from fdd_lightning.report.results import Row, mean_of, std_of
from fdd_lightning.report.sets import sets_side_by_side
from fdd_lightning.report.style import FONT, Panel, colours, figure, markers, panels, save

__all__ = ["accuracy_against_deo", "accuracy_against_ipc", "sets_side_by_side"]

MARKER = 7.5
BEADS = 15


@dataclass(frozen=True)
class _Series:
    """Rows of one method, weighting and variant, by rising number of images per class."""

    label: str
    rows: list[Row]
    colour: str
    marker: str


def accuracy_against_deo(rows: Sequence[Row], path: str | Path) -> Path | None:
    """Draw accuracy (up) against DEO_A (right is less fair), a panel for each data set and conflict ratio.

    Bars are standard deviations. A colour belongs to a weighting, a marker to a method; numbers of images per class of
    the same row are joined by a line, the larger marker has more.

    Args:
        rows: Results; those without accuracy or DEO_A are left out.
        path: The PNG to write.

    Returns:
        The path, or None where no row can be drawn.
    """
    drawn = [row for row in rows if mean_of(row, "accuracy") is not None and mean_of(row, "deo_mean") is not None]
    if not drawn:
        return None
    parts = _by_panel(rows, drawn)
    made, axes = figure(len(parts), 7.0 if len(parts) == 1 else 5.4, 5.2 if len(parts) == 1 else 4.6)
    for number, (ax, (panel, series)) in enumerate(zip(axes, parts, strict=True)):
        _draw_fairness(ax, series)
        if any(len(s.rows) > 1 for s in series):
            ax.set_title("larger marker: more images per class", fontsize=FONT - 1, loc="right", color="#555555")
        ax.set_title(panel.title, fontsize=FONT + 1, loc="left", pad=22)
        ax.annotate(
            "\N{NORTH WEST ARROW} better: accurate and fair",
            (0, 1),
            xytext=(0, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=FONT,
            color="#2E7D32",
            weight="bold",
        )
        ax.set_xlabel("DEO_A: mean accuracy gap between groups (%)", fontsize=FONT)
        if number % 3 == 0:
            ax.set_ylabel("accuracy (%)", fontsize=FONT)
    _room(axes, sideways=True)
    for ax, (_, series) in zip(axes, parts, strict=True):
        ends = [s.rows[-1] for s in series]
        others = [_point(row) for s in series for row in s.rows[:-1]]
        beside_points(
            ax,
            list(map(_point, ends)),
            [_label(s, series) for s in series],
            [s.colour for s in series],
            around=MARKER,
            others=others,
            boxes=[box for s in series for box in _drawn(s)],
        )
    return save(made, path)


def accuracy_against_ipc(rows: Sequence[Row], path: str | Path) -> Path | None:
    """Draw accuracy against images per class, a line for each method, weighting and variant.

    Bars are standard deviations; the whole training set, where it was evaluated, is a dashed level.

    Args:
        rows: Results; those without accuracy are left out.
        path: The PNG to write.

    Returns:
        The path, or None where rows have fewer than two numbers of images per class.
    """
    drawn = [row for row in rows if mean_of(row, "accuracy") is not None]
    if len({row["ipc"] for row in drawn if row["ipc"] is not None}) < 2:
        return None
    parts = [(panel, series) for panel, series in _by_panel(rows, drawn) if any(s.rows[0]["ipc"] for s in series)]
    sizes = sorted({row["ipc"] for row in drawn if row["ipc"] is not None})
    most = max(len(series) for _, series in parts)
    made, axes = figure(len(parts), 7.4 if len(parts) == 1 else 6.0, max(4.6, 1.2 + 0.2 * most))
    for number, (ax, (panel, series)) in enumerate(zip(axes, parts, strict=True)):
        _draw_sizes(ax, series, sizes)
        ax.set_title(panel.title, fontsize=FONT + 1, loc="left")
        ax.set_xlabel("images per class", fontsize=FONT)
        if number % 3 == 0:
            ax.set_ylabel("accuracy (%)", fontsize=FONT)
    _room(axes)
    for ax, (_, series) in zip(axes, parts, strict=True):
        ends = [(s.rows[-1]["ipc"] or ax.get_xlim()[1], _percent(s.rows[-1], "accuracy")) for s in series]
        beyond_the_right_edge(ax, ends, [s.label for s in series], [s.colour for s in series])
    return save(made, path)


def _by_panel(rows: Sequence[Row], drawn: Sequence[Row]) -> list[tuple[Panel, list[_Series]]]:
    """Split rows into panels, and each panel into series; names and colours are those of all rows."""
    names = {id(row): label for row, label in zip(rows, labels(rows), strict=True)}
    tints, signs = colours(rows), markers(rows)
    result = []
    for panel in panels(drawn):
        found: dict[str, list[Row]] = {}
        for row in panel.rows:
            found.setdefault(names[id(row)], []).append(row)
        series = [
            _Series(name, sorted(own, key=lambda r: r["ipc"] or 0), tints[own[0]["weighting"]], signs[own[0]["method"]])
            for name, own in found.items()
        ]
        result.append((panel, series))
    return result


def _draw_fairness(ax: Axes, series: Sequence[_Series]) -> None:
    sizes = sorted({row["ipc"] or 0 for s in series for row in s.rows})
    for s in series:
        points = list(map(_point, s.rows))
        if len(points) > 1:
            ax.plot(*zip(*points, strict=True), color=s.colour, linewidth=1, alpha=0.5, zorder=2)
        for row, (x, y) in zip(s.rows, points, strict=True):
            rank = sizes.index(row["ipc"] or 0) / max(1, len(sizes) - 1) if len(sizes) > 1 else 1.0
            if row["method"] == "full":
                rank = 1.0
            ax.errorbar(
                x,
                y,
                xerr=_spread(row, "deo_mean"),
                yerr=_spread(row, "accuracy"),
                color=s.colour,
                marker=s.marker,
                markersize=MARKER * (0.55 + 0.45 * rank) * (1.4 if s.marker == "*" else 1),
                markeredgecolor="white",
                markeredgewidth=0.6,
                elinewidth=1,
                capsize=2,
                zorder=3,
            )


def _draw_sizes(ax: Axes, series: Sequence[_Series], sizes: Sequence[int]) -> None:
    ax.set_xscale("log")
    for s in series:
        if s.rows[0]["ipc"] is None:
            ax.axhline(_percent(s.rows[0], "accuracy"), color=s.colour, linestyle="--", linewidth=1.2)
            continue
        ax.errorbar(
            [row["ipc"] or 0 for row in s.rows],
            [_percent(row, "accuracy") for row in s.rows],
            yerr=[_spread(row, "accuracy") for row in s.rows],
            color=s.colour,
            marker=s.marker,
            markersize=MARKER - 1.5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            linestyle="--" if s.rows[0]["method"] == "random" else "-",
            linewidth=1.6,
            elinewidth=1,
            capsize=2,
        )
    ax.set_xlim(sizes[0] / 1.12, sizes[-1] * 1.12)
    ax.xaxis.set_major_locator(FixedLocator(sizes))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([str(size) for size in sizes])


def _room(axes: Sequence[Axes], *, sideways: bool = False) -> None:
    """Leave room for labels around the points of axes that share their limits; stay near 0 to 100%."""
    low, high = axes[0].get_ylim()
    pad = 0.06 * (high - low)
    axes[0].set_ylim(max(-2, low - pad), min(102, high + pad))
    if sideways:
        left, right = axes[0].get_xlim()
        pad = 0.08 * (right - left)
        axes[0].set_xlim(max(-2, left - pad), min(108, right + pad))


def _label(own: _Series, series: Sequence[_Series]) -> str:
    """Return a series' label, with its largest number of images where others have another."""
    sizes = {s.rows[-1]["ipc"] for s in series if s.rows[-1]["ipc"] is not None}
    return own.label + (f", ipc {own.rows[-1]['ipc']}" if len(sizes) > 1 and own.rows[-1]["ipc"] is not None else "")


def _point(row: Row) -> tuple[float, float]:
    return _percent(row, "deo_mean"), _percent(row, "accuracy")


def _drawn(series: _Series) -> list[Bbox]:
    """Return the areas of a series' error bars, and beads along the lines between its points."""
    found = []
    points = list(map(_point, series.rows))
    for row, (x, y) in zip(series.rows, points, strict=True):
        dx, dy = _spread(row, "deo_mean"), _spread(row, "accuracy")
        found += [Bbox.from_extents(x - dx, y, x + dx, y), Bbox.from_extents(x, y - dy, x, y + dy)]
    for (x0, y0), (x1, y1) in pairwise(points):
        for share in (step / BEADS for step in range(1, BEADS)):
            x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            found.append(Bbox.from_extents(x, y, x, y))
    return found


def _percent(row: Row, metric: str) -> float:
    return 100 * (mean_of(row, metric) or 0.0)


def _spread(row: Row, metric: str) -> float:
    return 100 * (std_of(row, metric) or 0.0)
