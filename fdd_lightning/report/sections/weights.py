"""What the weightings made of the training images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from torch import Tensor

from fdd_lightning.artefacts.weights import RealWeights
from fdd_lightning.pages.parts import Beside, Card, Part, Picture, Text
from fdd_lightning.report.charts import FONT, as_svg, dress, page
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import LeftOut, Section
from fdd_lightning.report.words import listed

MOST_CHARTS = 12
BINS = 24
WIDTH, HEIGHT = 4.4, 2.8
"""Inches of a chart."""
PIXELS = 480
ALIGNED, AGAINST = "#56B4E9", "#D55E00"
"""Colours of images that go with the bias and against it."""
FAR = 100
"""Ratio of an axis's ends from which on only powers of ten are written."""
EVEN = 1.001
"""Ratio of weights up to which all count alike."""


class Weights(Section):
    """How much each training image counts, as a histogram for each weighting and data set.

    Example:
        >>> Weights().parts(Report([]))
        []
    """

    title = "How much training images count"
    place = 120

    def parts(self, report: Report) -> list[Part]:
        """Return the histograms, or why there is none."""
        if not report.rows:
            return []
        kept = distinct_weights(report, lambda weights: weights.weights)
        if not kept:
            return [LeftOut("No weights were kept with the sets: those of older releases and of MTT have none.")]
        uneven = [(label, found) for label, found in kept if _spread(found) > EVEN]
        told = (
            "How many training images have which weight; 1 is as much as without a correction. What helps against a "
            "bias gives those more that go against it. Both scales are logarithmic."
        )
        cards = [_card(name, found) for name, found in titled(uneven)[:MOST_CHARTS]]
        parts: list[Part] = [Text(told), Beside(cards)] if cards else []
        even = list(dict.fromkeys(found.facts["weighting"] for _, found in kept if _spread(found) <= EVEN))
        if even:
            parts.append(Text(f"All images count alike in {listed(even)}.", "note"))
        if len(uneven) > MOST_CHARTS:
            parts.append(Text(f"{len(uneven) - MOST_CHARTS} more are left out, for the page's size.", "note"))
        return parts


def distinct_weights(
    report: Report, told_apart_by: Callable[[RealWeights], Tensor | None]
) -> list[tuple[str, RealWeights]]:
    """Return the weights that sets were made with, each once and where what tells them apart is there, with a label."""
    kept: dict[bytes, tuple[str, RealWeights]] = {}
    for entry in report.entries:
        weights = entry.made.weights if entry.made is not None else None
        if weights is not None and (key := told_apart_by(weights)) is not None:
            kept.setdefault(key.numpy().tobytes(), (entry.label, weights))
    return [*kept.values()]


def titled(kept: Sequence[tuple[str, RealWeights]]) -> list[tuple[str, RealWeights]]:
    """Call weights by weighting and data set; by their label where several would be called the same."""
    titles = [f"{found.facts['weighting']} on {found.facts.get('dataset', 'the data')}" for _, found in kept]
    return [
        (title if titles.count(title) == 1 else label, found)
        for title, (label, found) in zip(titles, kept, strict=True)
    ]


def _spread(found: RealWeights) -> float:
    weights = found.weights
    return float(weights.max()) / max(float(weights.min()), 1e-9)


def mass_against(found: RealWeights) -> tuple[float, float] | None:
    """Return the share of images that go against the bias, and of the weight that they carry; None where not known."""
    if found.conflict is None:
        return None
    counts, mass = found.represents, found.represents * found.weights
    return float(counts[found.conflict].sum() / counts.sum()), float(mass[found.conflict].sum() / mass.sum())


def _card(label: str, found: RealWeights) -> Card:
    shares = mass_against(found)
    told = (
        ""
        if shares is None
        else f"{shares[0]:.1%} of the images go against the bias and carry {shares[1]:.0%} of the weight."
    )
    low, high = float(found.weights.min()), float(found.weights.max())
    alt = f"Histogram of the weights of {label}, from {low:.2g} to {high:.2g}. {told}".strip()
    picture = Picture(as_svg(_histogram(found)), alt, "image/svg+xml", caption=told, width=PIXELS, chart=True)
    return Card(label, [picture])


def _histogram(found: RealWeights) -> Any:
    whole = page(WIDTH, HEIGHT)
    ax = whole.subplots()
    dress(ax)
    weights, counts = found.weights.double().numpy(), found.represents.double().numpy()
    low = max(weights[weights > 0].min(initial=1.0), weights.max() / 1e4)  # what is as good as nothing stands left
    edges = np.geomspace(low / 1.05, weights.max() * 1.05, BINS + 1)
    parts = {"training images": (np.ones(len(weights), bool), ALIGNED)}
    if found.conflict is not None:
        against = found.conflict.numpy()
        parts = {"with the bias": (~against, ALIGNED), "against the bias": (against, AGAINST)}
    kinds = [(name, own, colour) for name, (own, colour) in parts.items() if own.any()]
    ax.hist(
        [weights[own].clip(edges[0], edges[-1]) for _, own, _ in kinds],
        edges.tolist(),
        weights=[counts[own] for _, own, _ in kinds],
        stacked=True,
        color=[colour for _, _, colour in kinds],
        label=[name for name, _, _ in kinds],
    )
    ax.axvline(1, color="#333333", linewidth=1, linestyle="--")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.7)
    for axis in (ax.xaxis, ax.yaxis):
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1.0,) if high > FAR * low else (1.0, 2.0, 5.0)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("weight (1: as without a correction)", fontsize=FONT)
    ax.set_ylabel("training images", fontsize=FONT)
    if found.conflict is not None:
        ax.legend(frameon=False, fontsize=FONT, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return whole
