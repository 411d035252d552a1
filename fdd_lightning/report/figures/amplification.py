"""Bias amplification, as a picture and as tables (Cui et al. 2024, Figure 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.amplification import Amplification, Estimate, amplifications
from fdd_lightning.report.amplification_table import as_csv, markdown
from fdd_lightning.report.labels import labels
from fdd_lightning.report.style import FONT, Panel, dress, page, panels, save
from fdd_lightning.utils.files import atomic_path

FILES = ("amplification.png", "amplification.md", "amplification.csv")
# Neither is the colour of a weighting: here a colour says which set.
CLEAN, TAINTED = "#56B4E9", "#E69F00"
GREY = "#555555"
THICK = 0.38
"""Height of a bar, where the distance of two methods is 1."""
LINE = 1.3 * FONT / 72
"""Inches that a line of text takes."""
BARS, EXCESS = 5.6, 3.0
"""Inches of width that are for the bars and for what exceeds full training."""
PAD = 6
"""Points between axes and what stands above them."""
LABEL = 34
"""Characters after which a method's name takes another line."""


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw and tabulate it where a biased set and its unbiased twin both have a row."""
    found = amplifications(rows)
    if not found:
        return []
    written = [bias_amplification(found, folder / FILES[0])]
    for name, text in zip(FILES[1:], (markdown(found), as_csv(found)), strict=True):
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def bias_amplification(found: Sequence[Amplification], path: str | Path) -> Path:
    """Draw the accuracy on a set without and with bias, a panel for each data set and conflict ratio.

    A method is a pair of bars with its drop in points beside them; where there is full training to compare with, a
    second bar is the drop minus full's: to the right the bias is amplified, to the left suppressed. Lines are standard
    deviations.

    Args:
        found: At least one, in the order of the bars from top to bottom.
        path: The PNG to write.
    """
    pairs = {id(each.biased): each for each in found}
    parts = [
        (panel, [pairs[id(row)] for row in panel.rows], _names(panel))
        for panel in panels([each.biased for each in found])
    ]
    compared = any(each.full for each in found)
    heights = [len(names) * max(map(_height, names)) for _, _, names in parts]
    # Above the bars a panel has its title, below them the ticks, and the last one what they are.
    width = 1.9 + BARS + (EXCESS if compared else 0)
    made = page(width, sum(heights) + 0.75 * len(parts) + 0.55)
    grid = made.add_gridspec(
        len(parts), 2 if compared else 1, width_ratios=[BARS, EXCESS] if compared else None, height_ratios=heights
    )
    left: list[Axes] = []
    right: list[Axes] = []
    for number, (panel, own, names) in enumerate(parts):
        left.append(made.add_subplot(grid[number, 0], sharex=left[0] if left else None))
        _draw_bars(left[-1], own, names)
        left[-1].set_title(panel.title, fontsize=FONT + 1, loc="left", pad=PAD)
        if compared:
            right.append(made.add_subplot(grid[number, 1], sharex=right[0] if right else None, sharey=left[-1]))
            _draw_excess(right[-1], own)
    for axes in (left, right):
        for ax in axes[:-1]:
            ax.tick_params(labelbottom=False)
    left[0].set_xlim(left=0)
    left[-1].set_xlabel("accuracy (%)", fontsize=FONT)
    if right:
        low, high = right[0].get_xlim()
        pad = 0.04 * (high - low)
        right[0].set_xlim(min(low, -pad), max(high, pad))
        right[-1].set_xlabel("drop minus that of full training (points)", fontsize=FONT)
    made.legend(
        handles=[
            Patch(color=CLEAN, label="$D$: trained on the unbiased set"),
            Patch(color=TAINTED, label="$D_b$: trained on the biased set"),
        ],
        loc="outside upper left",
        ncols=2,
        frameon=False,
        fontsize=FONT,
    )
    return save(made, path)


def _names(panel: Panel) -> list[str]:
    """Return a name for each row of a panel, in lines that are not too long."""
    sizes = {row["ipc"] for row in panel.rows if row["ipc"] is not None}
    named = [
        name + (f", ipc {row['ipc']}" if len(sizes) > 1 and row["ipc"] is not None else "")
        for name, row in zip(labels(panel.rows), panel.rows, strict=True)
    ]
    return [fill(name, LABEL, break_long_words=False) for name in named]


def _height(name: str) -> float:
    """Return the inches that a pair of bars takes beside its name."""
    return max(0.42, (name.count("\n") + 1.6) * LINE)


def _draw_bars(ax: Axes, own: Sequence[Amplification], names: Sequence[str]) -> None:
    dress(ax)
    for side, colour, figures in (
        (-0.5, CLEAN, [each.clean for each in own]),
        (0.5, TAINTED, [each.tainted for each in own]),
    ):
        _bars(ax, [place + side * THICK for place in range(len(own))], figures, [colour] * len(own))
    ax.set_yticks(range(len(own)), names, fontsize=FONT)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.set_ylim(len(own) - 0.45, -0.55)
    _column(ax, "drop", [_text(each.drop) for each in own])


def _draw_excess(ax: Axes, own: Sequence[Amplification]) -> None:
    dress(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(labelleft=False, length=0, axis="y")
    ax.grid(visible=False, axis="y")
    known = [(place, each.excess) for place, each in enumerate(own) if each.excess is not None]
    if not known:
        said = "no full training\nto compare with"
        ax.text(0.5, 0.5, said, transform=ax.transAxes, ha="center", va="center", fontsize=FONT, color=GREY)
        return
    tints = [TAINTED if figure.mean > 0 else CLEAN for _, figure in known]
    _bars(ax, [place for place, _ in known], [figure for _, figure in known], tints)
    ax.axvline(0, color="#333333", linewidth=1)
    _heading(ax, "\N{LEFTWARDS ARROW} suppressed", 0, "left")
    _heading(ax, "amplified \N{RIGHTWARDS ARROW}", 1, "right")
    _column(ax, "", [_text(each.excess, "+") if each.excess else "" for each in own])


def _bars(ax: Axes, places: Sequence[float], figures: Sequence[Estimate], tints: Sequence[str]) -> None:
    ax.barh(
        places,
        [100 * figure.mean for figure in figures],
        THICK,
        xerr=[math.nan if figure.std is None else 100 * figure.std for figure in figures],
        color=tints,
        error_kw={"elinewidth": 1, "capsize": 2, "ecolor": "#333333"},
    )


def _column(ax: Axes, heading: str, texts: Sequence[str]) -> None:
    """Write a column of figures right of axes, a line for each pair of bars."""
    where = ax.get_yaxis_transform()
    for place, text in enumerate(texts):
        ax.text(1.02, place, text, transform=where, fontsize=FONT, va="center")
    _heading(ax, heading, 1.02, "left")


def _heading(ax: Axes, text: str, across: float, to: Literal["left", "right"]) -> None:
    """Write a few words above axes, on the line of the panel's title."""
    ax.annotate(
        text,
        (across, 1),
        xytext=(0, PAD),
        xycoords="axes fraction",
        textcoords="offset points",
        ha=to,
        va="baseline",
        fontsize=FONT,
        color=GREY,
    )


def _text(figure: Estimate, sign: str = "") -> str:
    spread = "" if figure.std is None else f" ± {100 * figure.std:.1f}"
    return f"{100 * figure.mean:{sign}.1f}".replace("-", "\N{MINUS SIGN}") + spread
