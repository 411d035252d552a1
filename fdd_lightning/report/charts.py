"""What the charts of a report share: panels, series with their colours and markers, legends, the file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure as Page
from matplotlib.lines import Line2D

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.comparable_rows import places
from fdd_lightning.report.row_names import describe, hashable, names_of
from fdd_lightning.utils.files import atomic_path

# Okabe and Ito's palette, told apart with any common colour blindness; yellow is too pale for lines on white.
COLOURS = {"vanilla": "#555555", "kde": "#D55E00", "fairdd": "#0072B2", "barycenter": "#009E73"}
MORE_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = {"random": "o", "dm": "s", "full": "*", "herding": "v", "kcenter": "P", "mtt": "D"}
MORE_MARKERS = ("^", "X", "<", ">", "p", "h", "d", "H", "8")
DPI = 150
FONT = 9.5
SIZE = 6.5
"""Of a marker."""
BAR: dict[str, Any] = {"elinewidth": 1, "capsize": 2}
PALEST = 0.5
"""How near to white the last of several series of one method and weighting is, from 0 to 1."""
LONGEST_LEGEND = 32
"""Names of a legend in one column."""
CHARACTER, LINE = 0.078, 0.2
"""Inches that a character and a line of a legend take."""


@dataclass(frozen=True)
class Panel:
    """Rows that are drawn into one pair of axes, and its title.

    Example:
        >>> Panel("cmnist, 5% bias-conflicting", rows=[]).title
        'cmnist, 5% bias-conflicting'
    """

    title: str
    rows: list[Row]


@dataclass(frozen=True)
class Series:
    """Rows that are drawn alike and joined by a line; a level is one row that has no place along the axis.

    Example:
        >>> Series("dm fairdd", rows=[], colour=COLOURS["fairdd"], marker=MARKERS["dm"]).colour
        '#0072B2'
    """

    name: str
    rows: Sequence[Row]
    colour: str
    marker: str
    level: bool = False


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Split rows by data set, conflict ratio and evaluation, in order of appearance.

    What of an evaluation comes with the set (the step size that MTT learns) parts nothing: it is the method's. Nor do
    the trainer, and for how many epochs the whole training set was trained.
    """
    values = places(rows)
    differ = [i for i in range(2, 5) if len({hashable(value[i]) for value in values}) > 1]
    by_place: dict[object, Panel] = {}
    for row, value in zip(rows, values, strict=True):
        ratio = "" if value[1] is None else f"{100 * value[1]:g}% bias-conflicting"
        texts = [*value[:-1], describe(value[-1])]
        title = ", ".join(filter(None, (value[0], ratio, *(texts[i] for i in differ))))
        by_place.setdefault(hashable(value), Panel(title, [])).rows.append(row)
    return list(by_place.values())


def series_of(panel: Panel, rows: Sequence[Row]) -> list[Series]:
    """Return the series of a panel: rows of one name, by rising number of images per class.

    A name tells a series from the others of its panel, no more; colours and markers are handed out among all rows.
    """
    members: dict[str, list[Row]] = {}
    for row, name in zip(panel.rows, names_of(panel.rows), strict=True):
        members.setdefault(name, []).append(row)
    looks = looks_of([own[0] for own in members.values()], rows)
    return [
        Series(name, sorted(own, key=lambda row: row.ipc or 0), *look)
        for (name, own), look in zip(members.items(), looks, strict=True)
    ]


def looks_of(shown: Sequence[Row], rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return a colour and a marker for each series of a panel, no two the same as long as there are markers.

    A colour is its weighting's and a marker its method's; of several series of one method and weighting, the later ones
    are paler and have markers of their own. ``shown`` is the first row of each series, ``rows`` are all of the report.
    """
    tints, signs = colours(rows), markers(rows)
    spare = {
        weighting: cycle([m for m in MORE_MARKERS if m not in signs.values()] or MORE_MARKERS) for weighting in tints
    }
    pairs = [(row.method, row.weighting) for row in shown]
    repeated = Counter(weighting for n, (method, weighting) in enumerate(pairs) if (method, weighting) in pairs[:n])
    met: Counter[str] = Counter()
    looks = []
    for n, (method, weighting) in enumerate(pairs):
        again = (method, weighting) in pairs[:n]
        met[weighting] += again
        pale = PALEST * met[weighting] / repeated[weighting] if again else 0
        red, green, blue = (part + pale * (1 - part) for part in to_rgb(tints[weighting]))
        looks.append((to_hex((red, green, blue)), next(spare[weighting]) if again else signs[method]))
    return looks


def colours(rows: Sequence[Row]) -> dict[str, str]:
    """Return a colour for each weighting; the project's own always have the same."""
    more = cycle(MORE_COLOURS)
    return {name: COLOURS.get(name) or next(more) for name in dict.fromkeys(row.weighting for row in rows)}


def markers(rows: Sequence[Row]) -> dict[str, str]:
    """Return a marker for each method; the commonest always have the same."""
    more = cycle(MORE_MARKERS)
    return {name: MARKERS.get(name) or next(more) for name in dict.fromkeys(row.method for row in rows)}


def percent(row: Row, metric: str) -> float:
    """Return a metric's mean in percent, 0 where it does not exist."""
    return 100 * (row.mean(metric) or 0.0)


def spread(row: Row, metric: str) -> float:
    """Return a metric's standard deviation in percent, 0 where it is not known."""
    return 100 * (row.std(metric) or 0.0)


def page(width: float, height: float) -> Page:
    """Return an empty page of a size in inches."""
    empty = Page(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(empty)
    return empty


def chart_page(
    drawn: Sequence[Panel],
    parts: Sequence[Sequence[Series]],
    width: float,
    height: float,
    *,
    metrics: int = 1,
    pad: float = 6,
) -> tuple[Page, list[Axes]]:
    """Return a page with axes for each panel, at most three side by side, its title, and room for legends.

    Sizes are inches of one pair of axes, which is higher where a legend needs it; ``pad`` is points below the title.
    With several metrics a panel is so many axes side by side, on a line of their own.
    """
    across = metrics if metrics > 1 else min(len(parts), 3)
    down = math.ceil(len(parts) * metrics / across)
    named = _legends_of(parts)
    names = max(_columns(part) * (max(len(s.name) for s in part) + 6) for part in named)
    beside = 1 if metrics > 1 or len(named) == 1 else across
    lines = max(math.ceil(len(part) / _columns(part)) for part in named)
    whole = page(across * width + beside * CHARACTER * names, down * max(height, 1 + LINE * lines))
    # Panels share their limits: they are there to be compared.
    grid = whole.subplots(down, across, sharex=True, sharey="col" if metrics > 1 else True, squeeze=False)
    axes = list(grid.flat)
    for ax in axes[len(parts) * metrics :]:
        ax.remove()
    for number, ax in enumerate(axes := axes[: len(parts) * metrics]):
        dress(ax)
        ax.tick_params(labelbottom=True, labelleft=True)
        title = drawn[number // metrics].title if number % metrics == 0 else ""
        ax.set_title(fill(title, int(width / CHARACTER) - 8), fontsize=FONT + 1, loc="left", pad=pad)
    return whole, axes


def legends(whole: Page, axes: Sequence[Axes], parts: Sequence[Sequence[Series]], line: str = "-") -> None:
    """Name the series of each panel right of its axes; once for the page where that tells all apart.

    ``line`` is the style of all lines but those of levels, which are dashed.
    """
    named = _legends_of(parts)
    beside: Sequence[Page | Axes] = [whole] if len(named) == 1 else axes
    for owner, part in zip(beside, named, strict=True):
        handles = handles_of(part, line)
        shape: dict[str, Any] = {"frameon": False, "fontsize": FONT, "ncols": _columns(part)}
        place: dict[str, Any] = (
            {"loc": "outside right upper"} if owner is whole else {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        )
        owner.legend(handles=handles, **shape, **place)


def handles_of(part: Sequence[Series], line: str = "-") -> list[Line2D]:
    """Return what a legend shows of each series; ``line`` is the style of all but levels, which are dashed."""
    handles = []
    for s in part:
        look = {"linestyle": "--"} if s.level else {"linestyle": line, **marker_look(s.marker)}
        handles.append(Line2D([], [], color=s.colour, label=s.name, **look))
    return handles


def _legends_of(parts: Sequence[Sequence[Series]]) -> list[Sequence[Series]]:
    """Return what each legend names: one for the page where names and looks go together, else one for each panel."""
    series = list({s.name: s for part in reversed(parts) for s in part}.values())
    looks = {(s.name, s.colour, s.marker, s.level) for part in parts for s in part}
    one = len(looks) == len(series) == len({tuple(look) for _, *look in looks})
    return [series] if one else list(parts)


def _columns(part: Sequence[Series]) -> int:
    """Return in how many columns a legend names so many series."""
    return math.ceil(len(part) / LONGEST_LEGEND)


def draw_lines(ax: Axes, series: Sequence[Series], metric: str, place: Callable[[Row], float | None]) -> None:
    """Draw a metric in percent over what ``place`` says of a row; bars are standard deviations, levels dashed."""
    for s in series:
        rows = [row for row in s.rows if row.mean(metric) is not None]
        if s.level:
            for row in rows:
                ax.axhline(percent(row, metric), color=s.colour, linestyle="--", linewidth=1.2)
            continue
        ax.errorbar(
            [place(row) or 0 for row in rows],
            [percent(row, metric) for row in rows],
            yerr=[spread(row, metric) for row in rows],
            color=s.colour,
            linewidth=1.6,
            **marker_look(s.marker),
            **BAR,
        )


def marker_look(marker: str, size: float = SIZE) -> dict[str, Any]:
    """Return how matplotlib draws a marker: a star is larger, or it would be the smallest."""
    size = 1.5 * size if marker == "*" else size
    return {"marker": marker, "markersize": size, "markeredgecolor": "white", "markeredgewidth": 0.5}


def dress(ax: Axes) -> None:
    """Give axes the look of all charts."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#E6E6E6", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=FONT)


def save(whole: Page, path: Path) -> Path:
    """Write a page as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        # No software version in the file: equal rows give an equal picture.
        whole.savefig(temporary, format="png", metadata={"Software": None})
    return path


def as_svg(whole: Page) -> bytes:
    """Return a page as SVG, for another page to hold; letters are shapes, so that no font is asked for."""
    stream = BytesIO()
    with rc_context({"svg.hashsalt": "fdd", "svg.fonttype": "path"}):  # equal rows give an equal picture
        whole.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def as_png(whole: Page) -> bytes:
    """Return a page as PNG, for another page to hold: of many points it is the smaller."""
    stream = BytesIO()
    whole.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
