"""The bias encoder's map: where it puts the training images, by group and by weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from torch import Tensor

from fdd_lightning.artefacts.weights import RealWeights
from fdd_lightning.pages.parts import Beside, Card, Part, Picture, Text
from fdd_lightning.report.charts import FONT, LINE, as_png, dress, page
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import LeftOut, Section
from fdd_lightning.report.sections.weights import distinct_weights, titled

MOST_MAPS = 3
MOST_GROUPS = 20
"""Groups that have a colour of their own."""
WIDTH, HEIGHT = 4.4, 3.8
"""Inches of a map without its legend."""
PIXELS = 480
NO_ENCODER = (
    "No set here was made with a bias encoder whose embeddings were kept (weightings such as kde have one; sets of "
    "older releases kept none), so there is no map."
)


class EncoderMap(Section):
    """Training images along the two main directions of the bias encoder's space, coloured by group and by weight.

    Example:
        >>> EncoderMap().parts(Report([]))
        []
    """

    title = "How the bias encoder sees the training images"
    place = 110

    def parts(self, report: Report) -> list[Part]:
        """Return two maps for each encoder, or why there is none."""
        if not report.rows:
            return []
        maps = distinct_weights(report, lambda weights: weights.points)
        if not maps:
            return [LeftOut(NO_ENCODER)]
        told = (
            "Each point is a training image. Where the encoder tells a bias, images of one group lie together, and a "
            "weighting gives those more that lie where there are few of their class."
        )
        parts: list[Part] = [Text(told)]
        for name, weights in titled(maps)[:MOST_MAPS]:
            pair = [Card(f"{name}: by group", [_by_group(weights)]), Card(f"{name}: by weight", [_by_weight(weights)])]
            parts.append(Beside(pair))
        if len(maps) > MOST_MAPS:
            parts.append(Text(f"{len(maps) - MOST_MAPS} more encoders are left out, for the page's size.", "note"))
        return parts


def _by_group(found: RealWeights) -> Picture:
    names = found.facts["group_names"]
    present = [int(group) for group in found.groups.unique()]
    columns = 2 if max(len(names[group]) for group in present) > 12 else 3
    whole, ax = _empty(LINE * -(-min(len(present), MOST_GROUPS) // columns))
    points, groups = _points(found), found.groups.numpy()
    for place, group in enumerate(present):
        own = points[groups == group]
        colour: Any = f"C{place}" if len(present) <= 10 else _TWENTY[place % MOST_GROUPS]
        ax.scatter(*own.T, s=7, color=colour, linewidths=0, alpha=0.8, label=names[group])
    if len(present) <= MOST_GROUPS:
        look: dict[str, Any] = {"frameon": False, "fontsize": FONT, "markerscale": 2, "handletextpad": 0.2}
        whole.legend(loc="outside lower left", ncols=columns, **look)
    shown = f"{len(points):,} training images of {found.facts.get('dataset', 'the data set')}"
    alt = f"{shown} along two directions of the bias encoder's space, coloured by their {len(present)} groups"
    return Picture(as_png(whole), alt, width=PIXELS, chart=True)


def _by_weight(found: RealWeights) -> Picture:
    whole, ax = _empty(0)
    weights = found.weights.numpy()
    order = np.argsort(weights, kind="stable")  # the heavy ones on top
    low, high = float(weights[weights > 0].min(initial=1.0)), float(weights.max(initial=1.0))
    scale: Any = LogNorm(low, high) if high > 1.01 * low else Normalize(0, max(2 * high, 1.0))
    drawn = ax.scatter(
        *_points(found)[order].T, s=7, c=weights[order].clip(low), cmap="viridis", norm=scale, linewidths=0
    )
    bar = whole.colorbar(drawn, ax=ax, pad=0.02)
    bar.ax.tick_params(labelsize=FONT)
    bar.set_label("weight (1: as all others)", fontsize=FONT)
    alt = f"The same images coloured by their weight in {found.facts['weighting']}, from {low:.2g} to {high:.2g} times"
    return Picture(as_png(whole), alt, width=PIXELS, chart=True)


def _empty(more: float) -> tuple[Any, Any]:
    whole = page(WIDTH, HEIGHT + more)
    ax = whole.subplots()
    dress(ax)
    ax.set_xlabel("first direction", fontsize=FONT)
    ax.set_ylabel("second direction", fontsize=FONT)
    return whole, ax


def _points(found: RealWeights) -> Any:
    points = found.points
    return points.numpy() if isinstance(points, Tensor) else np.zeros((0, 2))


def _twenty() -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["tab20"](place) for place in range(MOST_GROUPS)]


_TWENTY = _twenty()
