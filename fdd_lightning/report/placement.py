"""Labels that keep out of each other's way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from fdd_lightning.report.style import FONT

DISTANCES = (3, 9, 16, 26, 38, 52, 68, 86, 110)
"""Free space between a point's marker and its label, in typographic points."""
FAR = 12
"""A label whose nearest edge is so far away gets a line to its point."""
LINE = {"arrowstyle": "-", "linewidth": 0.7, "alpha": 0.7}
Pixel = NDArray[np.float64]
Boxes = NDArray[np.float64]
"""Areas (n, 4): left, bottom, right, top in pixels."""


def beside_points(
    ax: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    tints: Sequence[str],
    *,
    around: float = 5,
    others: Sequence[tuple[float, float]] = (),
    boxes: Sequence[Bbox] = (),
) -> None:
    """Write a label beside each point so that labels cover neither each other nor points, nor leave the axes.

    Labels are placed one after the other, each where it costs least, in several orders of which the best result
    counts; one whose point could be mistaken gets a line to it. The axes' limits and everything else in the figure must
    be final.

    Args:
        ax: The axes.
        points: (x, y) of each labelled point, in data units.
        texts: Its label.
        tints: Its colour.
        around: Radius that a marker needs, in typographic points.
        others: Further points that must not be covered.
        boxes: Further areas in data units that must not be covered, a point's error bars for example.
    """
    made, renderer = laid_out(ax)
    unit = made.dpi / 72
    pixels = _to_pixels(ax, points)
    taken = [_around(pixel, around * unit) for pixel in (*pixels, *_to_pixels(ax, others))]
    # A bar has next to no area: grown a little, so that covering it counts.
    taken += [np.asarray(box.transformed(ax.transData).padded(1.5 * unit).extents) for box in boxes]
    frame = np.asarray(ax.get_window_extent(renderer).extents)
    sizes = [measure(ax, text, renderer) for text in texts]
    scene = _Scene(pixels, sizes, np.array(taken).reshape(-1, 4), frame, around * unit, unit)
    for number, place in enumerate(scene.best_plan()):
        middle = ((place[0] + place[2]) / 2, (place[1] + place[3]) / 2)
        line = {**LINE, "color": tints[number], "shrinkA": 1, "shrinkB": around}
        label = ax.annotate(
            texts[number],
            points[number],
            xytext=((middle[0] - pixels[number][0]) / unit, (middle[1] - pixels[number][1]) / unit),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=FONT,
            color=tints[number],
            arrowprops=line if scene.needs_line(number, place) else None,
        )
        label.set_in_layout(False)  # or the layout would move the axes away from under the measured places


def beyond_the_right_edge(
    ax: Axes, points: Sequence[tuple[float, float]], texts: Sequence[str], tints: Sequence[str]
) -> None:
    """Write labels in a column right of the axes, in the order of their points' heights, each joined to its point.

    Args:
        ax: The axes, with final limits.
        points: (x, y) of the end of each line, in data units.
        texts: Its label.
        tints: Its colour.
    """
    made, renderer = laid_out(ax)
    line = 1.35 * FONT * made.dpi / 72
    box = ax.get_window_extent(renderer)
    heights = spread([float(pixel[1]) for pixel in _to_pixels(ax, points)], line, box.y0, box.y1)
    for point, height, text, tint in zip(points, heights, texts, tints, strict=True):
        ax.annotate(
            text,
            point,
            xytext=(1.04, (height - box.y0) / box.height),
            textcoords="axes fraction",
            ha="left",
            va="center",
            fontsize=FONT,
            color=tint,
            arrowprops={**LINE, "color": tint, "shrinkA": 2, "shrinkB": 4},
            annotation_clip=False,
        )


def spread(heights: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Move heights apart until neighbours are ``least`` apart, as little as possible, and within limits if they fit.

    Args:
        heights: Wanted heights in any order.
        least: Least distance of two neighbours.
        low: Lower limit.
        high: Upper limit.

    Returns:
        New heights in the given order; the order by height stays (equal ones in the given order).
    """
    order = sorted(range(len(heights)), key=lambda n: heights[n])
    # Pool neighbours that are too close: a pool is laid out evenly around the mean of what its members want.
    pools: list[list[int]] = []
    for number in order:
        pools.append([number])
        while len(pools) > 1 and _top(pools[-2], heights, least) + least > _bottom(pools[-1], heights, least):
            last = pools.pop()
            pools[-1] += last
    result = [0.0] * len(heights)
    for pool in pools:
        for place, number in enumerate(pool):
            result[number] = _bottom(pool, heights, least) + place * least
    floor, ceiling = low, high
    for number in order:
        result[number] = floor = max(result[number], floor)
        floor += least
    for number in reversed(order):
        result[number] = ceiling = min(result[number], ceiling)
        ceiling -= least
    return result


def _bottom(pool: Sequence[int], heights: Sequence[float], least: float) -> float:
    return sum(heights[n] for n in pool) / len(pool) - (len(pool) - 1) * least / 2


def _top(pool: Sequence[int], heights: Sequence[float], least: float) -> float:
    return _bottom(pool, heights, least) + (len(pool) - 1) * least


def laid_out(ax: Axes) -> tuple[Figure, RendererBase]:
    """Return the figure, its layout settled, and what measures text in it."""
    made = ax.figure
    if not isinstance(made, Figure) or not isinstance(made.canvas, FigureCanvasAgg):
        raise TypeError("labels can be placed in a figure with an Agg canvas only")
    made.draw_without_rendering()
    return made, made.canvas.get_renderer()  # type: ignore[no-untyped-call]


def _to_pixels(ax: Axes, points: Sequence[tuple[float, float]]) -> list[Pixel]:
    return list(ax.transData.transform(np.asarray(points, dtype=float).reshape(-1, 2)))


def measure(ax: Axes, text: str, renderer: RendererBase) -> tuple[float, float]:
    """Return width and height of a label in pixels."""
    probe = ax.text(0, 0, text, fontsize=FONT)
    box = probe.get_window_extent(renderer)
    probe.remove()
    return box.width, box.height


@dataclass(frozen=True)
class _Scene:
    """Everything that the places of labels are judged by, in pixels.

    Attributes:
        pixels: The labelled points.
        sizes: Width and height of each label.
        taken: Areas that must not be covered.
        frame: The axes.
        around: Radius that a marker needs.
        unit: Pixels in a typographic point.
    """

    pixels: Sequence[Pixel]
    sizes: Sequence[tuple[float, float]]
    taken: Boxes
    frame: Boxes
    around: float
    unit: float

    def best_plan(self) -> list[Boxes]:
        """Return a place for each label, the cheapest of what several orders of placing them come to."""
        count = len(self.pixels)
        crowd = [sum(math.dist(p, q) < 70 * self.unit for q in self.pixels) for p in self.pixels]
        orders = (
            sorted(range(count), key=lambda n: -crowd[n]),
            sorted(range(count), key=lambda n: crowd[n]),
            sorted(range(count), key=lambda n: -self.pixels[n][1]),
            sorted(range(count), key=lambda n: -self.pixels[n][0]),
            sorted(range(count), key=lambda n: -self.sizes[n][0]),
        )
        return min(map(self._plan, orders), key=lambda plan: plan[0])[1]

    def needs_line(self, number: int, place: Boxes) -> bool:
        """Tell whether a reader could not tell the label's point without a line to it."""
        own = _distance(place, self.pixels[number])
        return own > self.around + FAR * self.unit or self._nearest_rival(number, place) < own + 3 * self.unit

    def _plan(self, order: Sequence[int]) -> tuple[float, list[Boxes]]:
        total = 0.0
        places: dict[int, Boxes] = {}
        for number in order:
            labels = np.array(list(places.values())).reshape(-1, 4)
            candidates = self._candidates(number)
            costs = [self._cost(number, candidate, labels) for candidate in candidates]
            best = int(np.argmin(costs))
            total += costs[best]
            places[number] = candidates[best]
        return total, [places[number] for number in range(len(order))]

    def _candidates(self, number: int) -> list[Boxes]:
        """Return the places that a label may take, the nearest first."""
        half = np.array(self.sizes[number]) / 2
        found = []
        for away in DISTANCES:
            for angle in range(0, 360, 15):
                direction = np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
                middle = self.pixels[number] + direction * (self.around + away * self.unit + half)
                found.append(np.concatenate([middle - half, middle + half]))
        return found

    def _cost(self, number: int, place: Boxes, labels: Boxes) -> float:
        """Return how bad a place is: to cover something first of all, then to mislead, then to be far away."""
        covered = float(_overlaps(place, self.taken).sum() + _overlaps(place, labels).sum())
        outside = float((place[2] - place[0]) * (place[3] - place[1]) - _overlaps(place, self.frame[None]).sum())
        own = _distance(place, self.pixels[number])
        misleading = max(0.0, own + 4 * self.unit - self._nearest_rival(number, place))
        crossed = self._crossed(number, place, labels)
        return 100 * (covered + outside) + own + 3 * misleading + 30 * self.unit * crossed

    def _nearest_rival(self, number: int, place: Boxes) -> float:
        rivals = [_distance(place, pixel) for n, pixel in enumerate(self.pixels) if n != number]
        return min(rivals, default=math.inf)

    def _crossed(self, number: int, place: Boxes, labels: Boxes) -> int:
        """Count the labels through which a line from the point to the place's middle would run."""
        start = self.pixels[number]
        steps = start + np.linspace(0, 1, 25)[:, None] * ((place[:2] + place[2:]) / 2 - start)
        inside = (steps[:, None] > labels[None, :, :2]).all(-1) & (steps[:, None] < labels[None, :, 2:]).all(-1)
        return int(inside.any(0).sum())


def _around(pixel: Pixel, radius: float) -> Boxes:
    return np.concatenate([pixel - radius, pixel + radius])


def _overlaps(place: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Return the area that a place shares with each of others."""
    low, high = np.maximum(place[:2], others[:, :2]), np.minimum(place[2:], others[:, 2:])
    shared: NDArray[np.float64] = np.clip(high - low, 0, None).prod(-1)
    return shared


def _distance(place: Boxes, pixel: Pixel) -> float:
    """Return the distance of a point from a place."""
    away = np.maximum(np.maximum(place[:2] - pixel, pixel - place[2:]), 0)
    return math.hypot(*away)
