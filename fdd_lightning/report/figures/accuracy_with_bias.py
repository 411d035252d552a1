"""Accuracy without and with bias: what distilling makes of a bias (Cui et al. 2024, Figure 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from fdd_lightning.artefacts.results import ACCURACY, Row
from fdd_lightning.report.bias_amplification import Amplification, Estimate, amplifications, as_csv, markdown
from fdd_lightning.report.charts import BAR, FONT, Panel, dress, page, panels, save
from fdd_lightning.report.figures import Figure
from fdd_lightning.report.metrics import axis
from fdd_lightning.report.row_names import names_of
from fdd_lightning.utils.files import atomic_path

# Neither is the colour of a weighting: here a colour says which set.
CLEAN, TAINTED = "#56B4E9", "#E69F00"
GREY = "#555555"
THICK = 0.38
"""Height of a bar, where the distance of two methods is 1."""
LINE = 1.3 * FONT / 72
"""Inches that a line of text takes."""
NAMES, BARS, EXCESS = 1.9, 5.6, 3.0
"""Inches of width that are for the names, the bars, and for what exceeds full training."""
LONGEST = 34
"""Characters after which a method's name takes another line."""


class BiasAmplification(Figure):
    """Accuracy on a set without and with bias, a panel for each data set and conflict ratio; as tables, too.

    A method is a pair of bars with its drop in points beside them; where there is full training to compare with, a
    second bar is the drop minus full's: to the right the bias is amplified, to the left suppressed. Lines are standard
    deviations.

    Example:
        >>> BiasAmplification().draw([], Path())  # where no row allows it
        []
    """

    files = ("amplification.png", "amplification.md", "amplification.csv")

    def draw(self, rows: Sequence[Row], folder: Path) -> list[Path]:
        """Draw and tabulate it where a biased set and its unbiased twin both have a row."""
        pairs = amplifications(rows)
        if not pairs:
            return []
        picture, *tables = (folder / name for name in self.files)
        for path, text in zip(tables, (markdown(pairs), as_csv(pairs)), strict=True):
            with atomic_path(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        return [_draw(pairs, picture), *tables]


def _draw(pairs: Sequence[Amplification], path: Path) -> Path:
    drawn = panels([pair.biased for pair in pairs])
    by_row = {id(pair.biased): pair for pair in pairs}
    names = [_names(panel) for panel in drawn]
    widths = [BARS, EXCESS] if any(pair.full for pair in pairs) else [BARS]
    heights = [len(each) * max(0.42, max((name.count("\n") + 1.6) * LINE for name in each)) for each in names]
    # Above the bars a panel has its title, below them the ticks, and the last one what they are.
    whole = page(NAMES + sum(widths), sum(heights) + 0.75 * len(drawn) + 0.55)
    ratios: dict[str, Any] = {"width_ratios": widths, "height_ratios": heights}
    grid = whole.subplots(len(drawn), len(widths), sharex="col", sharey="row", squeeze=False, **ratios)
    for line, panel, each in zip(grid, drawn, names, strict=True):
        members = [by_row[id(row)] for row in panel.rows]
        for ax in line:
            dress(ax)
            ax.grid(visible=False, axis="y")
        _draw_accuracies(line[0], members, each)
        line[0].set_title(panel.title, fontsize=FONT + 1, loc="left")
        if len(line) > 1:
            _draw_excess(line[1], members)
        for ax in line:
            ax.tick_params(axis="y", length=0)
    grid[0, 0].set_xlim(left=0)
    metrics = {pair.metric for pair in pairs}
    grid[-1, 0].set_xlabel(axis(metrics.pop() if len(metrics) == 1 else ACCURACY), fontsize=FONT)
    if len(widths) > 1:
        grid[-1, 1].set_xlabel("drop minus that of full training (points)", fontsize=FONT)
    sets = {CLEAN: "$D$: trained on the unbiased set", TAINTED: "$D_b$: trained on the biased set"}
    handles = [Patch(color=colour, label=label) for colour, label in sets.items()]
    whole.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=FONT)
    return save(whole, path)


def _names(panel: Panel) -> list[str]:
    """Return a name for each row of a panel, in lines that are not too long."""
    several = len({row.ipc for row in panel.rows if row.ipc is not None}) > 1
    names = [
        name + (f", ipc {row.ipc}" if several and row.ipc is not None else "")
        for name, row in zip(names_of(panel.rows), panel.rows, strict=True)
    ]
    return [fill(name, LONGEST, break_long_words=False) for name in names]


def _draw_accuracies(ax: Axes, pairs: Sequence[Amplification], names: Sequence[str]) -> None:
    _bars(ax, [place - THICK / 2 for place in range(len(pairs))], [pair.clean for pair in pairs], CLEAN)
    _bars(ax, [place + THICK / 2 for place in range(len(pairs))], [pair.tainted for pair in pairs], TAINTED)
    ax.set_yticks(range(len(pairs)), names, fontsize=FONT)
    ax.set_ylim(len(pairs) - 0.45, -0.55)
    _write(ax, 1.02, "drop")
    _beside(ax, [pair.drop.percent() for pair in pairs])


def _draw_excess(ax: Axes, pairs: Sequence[Amplification]) -> None:
    ax.spines["left"].set_visible(False)
    if not any(pair.excess for pair in pairs):
        said = "no full training\nto compare with"
        ax.text(0.5, 0.5, said, transform=ax.transAxes, ha="center", va="center", fontsize=FONT, color=GREY)
        return
    for place, pair in enumerate(pairs):
        if pair.excess is not None:
            _bars(ax, [place], [pair.excess], TAINTED if pair.excess.mean > 0 else CLEAN)
    ax.axvline(0, color="#333333", linewidth=1)
    _write(ax, 0, "\N{LEFTWARDS ARROW} suppressed")
    _write(ax, 1, "amplified \N{RIGHTWARDS ARROW}", ha="right")
    _beside(ax, [pair.excess.percent("+") if pair.excess else "" for pair in pairs])


def _bars(ax: Axes, places: Sequence[float], figures: Sequence[Estimate], colour: str) -> None:
    spreads = [math.nan if figure.std is None else 100 * figure.std for figure in figures]
    bar = {**BAR, "ecolor": "#333333"}
    ax.barh(places, [100 * figure.mean for figure in figures], THICK, xerr=spreads, color=colour, error_kw=bar)


def _beside(ax: Axes, texts: Sequence[str]) -> None:
    """Write a column of figures right of axes, one for each pair of bars."""
    for place, text in enumerate(texts):
        shown = text.replace("-", "\N{MINUS SIGN}")
        ax.text(1.02, place, shown, transform=ax.get_yaxis_transform(), fontsize=FONT, va="center")


def _write(ax: Axes, across: float, text: str, ha: str = "left") -> None:
    """Write a few words above axes, on the line of the panel's title."""
    note: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": FONT, "color": GREY}
    ax.annotate(text, (across, 1), (0, 6), ha=ha, **note)
