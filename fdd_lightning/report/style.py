"""Colours, markers, panels and the page that every chart of a report shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.alike import places
from fdd_lightning.report.labels import describe, hashable
from fdd_lightning.utils.files import atomic_path

# Okabe and Ito's palette, told apart with any common colour blindness; yellow is too pale for lines on white.
COLOURS = {"vanilla": "#555555", "kde": "#D55E00", "fairdd": "#0072B2", "barycenter": "#009E73"}
MORE_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = {"random": "o", "dm": "s", "full": "*", "herding": "v", "kcenter": "P", "mtt": "D"}
MORE_MARKERS = ("^", "X", "<", ">", "p", "h")
DPI = 150
FONT = 9.5
MARKER = 7.5


@dataclass(frozen=True)
class Panel:
    """Rows that are drawn into one pair of axes, and its title."""

    title: str
    rows: list[Row]


def colours(rows: Sequence[Row]) -> dict[str, str]:
    """Return a colour for each weighting; the project's own always have the same."""
    more = cycle(MORE_COLOURS)
    names = dict.fromkeys(row["weighting"] for row in rows)
    return {name: COLOURS.get(name) or next(more) for name in names}


def markers(rows: Sequence[Row]) -> dict[str, str]:
    """Return a marker for each method; the commonest always have the same."""
    more = cycle(MORE_MARKERS)
    names = dict.fromkeys(row["method"] for row in rows)
    return {name: MARKERS.get(name) or next(more) for name in names}


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Split rows by data set, conflict ratio and evaluation, in order of appearance.

    What of an evaluation comes with the set (the step size that MTT learns) parts nothing: it is the method's. Nor do
    the trainer, and for how many epochs the whole training set was trained.
    """
    values = places(rows)
    differ = [i for i in range(2, 5) if len({hashable(value[i]) for value in values}) > 1]
    found: dict[object, Panel] = {}
    for row, value in zip(rows, values, strict=True):
        ratio = "" if value[1] is None else f"{100 * value[1]:g}% bias-conflicting"
        told = [*value[:-1], describe(value[-1])]
        parts = [value[0], ratio, *(told[i] for i in differ)]
        title = ", ".join(part for part in parts if part)
        found.setdefault(hashable(value), Panel(title, [])).rows.append(row)
    return list(found.values())


def figure(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``count`` equal axes, at most three side by side; one is ``width`` by ``height`` inches."""
    columns = min(count, 3)
    lines = math.ceil(count / columns)
    made = page(columns * width, lines * height)
    # Panels share their limits: they are there to be compared.
    first = made.add_subplot(lines, columns, 1)
    axes = [first, *(made.add_subplot(lines, columns, n + 1, sharex=first, sharey=first) for n in range(1, count))]
    for ax in axes:
        dress(ax)
    return made, axes


def page(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    made = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(made)
    return made


def dress(ax: Axes) -> None:
    """Give axes the look of all charts."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#E6E6E6", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=FONT)


def save(made: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        # No software version in the file: equal rows give an equal picture.
        made.savefig(temporary, format="png", metadata={"Software": None})
    return Path(path)
