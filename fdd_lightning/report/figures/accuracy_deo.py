"""Accuracy against DEO_A."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from fdd_lightning.artefacts.results import Row, mean_of
from fdd_lightning.report.placement import beside_points
from fdd_lightning.report.series import Series, by_panel, percent, room, spread_of
from fdd_lightning.report.style import FONT, MARKER, figure, save
from fdd_lightning.report.sweep import sweeps

FILES = ("accuracy_deo.png",)
BEADS = 15


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw it where rows have both figures."""
    path = accuracy_against_deo(rows, folder / "accuracy_deo.png")
    return [path] if path else []


def accuracy_against_deo(rows: Sequence[Row], path: str | Path) -> Path | None:
    """Draw accuracy (up) against DEO_A (right is less fair), a panel for each data set and conflict ratio.

    Bars are standard deviations. A colour belongs to a weighting, a marker to a method; numbers of images per class of
    the same row are joined by a line, the larger marker has more.

    Args:
        rows: Results; those without accuracy or DEO_A are left out, and of a sweep all but the preset's value: it
            has a picture of its own.
        path: The PNG to write.

    Returns:
        The path, or None where no row can be drawn.
    """
    swept = {id(row) for key, found in sweeps(rows).items() for f in found for row in f.rows if key in row["settings"]}
    measured = [row for row in rows if mean_of(row, "accuracy") is not None and mean_of(row, "deo_mean") is not None]
    drawn = [row for row in measured if id(row) not in swept]
    if not drawn:
        return None
    parts = by_panel(rows, drawn)
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
    room(axes, sideways=True)
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


def _draw_fairness(ax: Axes, series: Sequence[Series]) -> None:
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
                xerr=spread_of(row, "deo_mean"),
                yerr=spread_of(row, "accuracy"),
                color=s.colour,
                marker=s.marker,
                markersize=MARKER * (0.55 + 0.45 * rank) * (1.4 if s.marker == "*" else 1),
                markeredgecolor="white",
                markeredgewidth=0.6,
                elinewidth=1,
                capsize=2,
                zorder=3,
            )


def _label(own: Series, series: Sequence[Series]) -> str:
    """Return a series' label, with its largest number of images where others have another."""
    sizes = {s.rows[-1]["ipc"] for s in series if s.rows[-1]["ipc"] is not None}
    return own.label + (f", ipc {own.rows[-1]['ipc']}" if len(sizes) > 1 and own.rows[-1]["ipc"] is not None else "")


def _point(row: Row) -> tuple[float, float]:
    return percent(row, "deo_mean"), percent(row, "accuracy")


def _drawn(series: Series) -> list[Bbox]:
    """Return the areas of a series' error bars, and beads along the lines between its points."""
    found = []
    points = list(map(_point, series.rows))
    for row, (x, y) in zip(series.rows, points, strict=True):
        dx, dy = spread_of(row, "deo_mean"), spread_of(row, "accuracy")
        found += [Bbox.from_extents(x - dx, y, x + dx, y), Bbox.from_extents(x, y - dy, x, y + dy)]
    for (x0, y0), (x1, y1) in pairwise(points):
        for share in (step / BEADS for step in range(1, BEADS)):
            x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            found.append(Bbox.from_extents(x, y, x, y))
    return found
