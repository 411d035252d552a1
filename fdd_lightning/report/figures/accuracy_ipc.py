"""Accuracy against images per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from fdd_lightning.artefacts.results import Row, mean_of
from fdd_lightning.report.placement import beyond_the_right_edge
from fdd_lightning.report.series import Series, by_panel, percent, room, spread_of
from fdd_lightning.report.style import FONT, MARKER, figure, save

FILES = ("accuracy_ipc.png",)


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw it where rows have two or more numbers of images per class."""
    path = accuracy_against_ipc(rows, folder / "accuracy_ipc.png")
    return [path] if path else []


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
    parts = [(panel, series) for panel, series in by_panel(rows, drawn) if any(s.rows[0]["ipc"] for s in series)]
    sizes = sorted({row["ipc"] for row in drawn if row["ipc"] is not None})
    most = max(len(series) for _, series in parts)
    made, axes = figure(len(parts), 7.4 if len(parts) == 1 else 6.0, max(4.6, 1.2 + 0.2 * most))
    for number, (ax, (panel, series)) in enumerate(zip(axes, parts, strict=True)):
        _draw_sizes(ax, series, sizes)
        ax.set_title(panel.title, fontsize=FONT + 1, loc="left")
        ax.set_xlabel("images per class", fontsize=FONT)
        if number % 3 == 0:
            ax.set_ylabel("accuracy (%)", fontsize=FONT)
    room(axes)
    for ax, (_, series) in zip(axes, parts, strict=True):
        ends = [(s.rows[-1]["ipc"] or ax.get_xlim()[1], percent(s.rows[-1], "accuracy")) for s in series]
        beyond_the_right_edge(ax, ends, [s.label for s in series], [s.colour for s in series])
    return save(made, path)


def _draw_sizes(ax: Axes, series: Sequence[Series], sizes: Sequence[int]) -> None:
    ax.set_xscale("log")
    for s in series:
        if s.rows[0]["ipc"] is None:
            ax.axhline(percent(s.rows[0], "accuracy"), color=s.colour, linestyle="--", linewidth=1.2)
            continue
        ax.errorbar(
            [row["ipc"] or 0 for row in s.rows],
            [percent(row, "accuracy") for row in s.rows],
            yerr=[spread_of(row, "accuracy") for row in s.rows],
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
