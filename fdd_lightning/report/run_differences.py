"""How the equal rows of several runs differ: each run's against those of the first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.comparable_rows import broadest, condition
from fdd_lightning.report.results_table import NOTHING, Column, Content, identity_columns, shown_metrics
from fdd_lightning.report.statistics import NETWORKS, Difference, difference

REPEATED = ("run", "nets", "seeds", "eval seeds")
"""Keys that may differ between rows that are about the same."""


@dataclass(frozen=True)
class Pair:
    """Rows of two runs that are about the same.

    Attributes:
        one: The first run's.
        other: The other's.

    Example:
        >>> pairs_of([])
        {}
    """

    one: Row
    other: Row


def pairs_of(rows: Sequence[Row]) -> dict[str, list[Pair]]:
    """Return by each later run the rows that are about the same as one of the first run's."""
    runs = list(dict.fromkeys(row.run for row in rows))
    by_run: dict[str, dict[Hashable, list[Row]]] = {run: {} for run in runs}
    for row in rows:
        by_run[row.run].setdefault(condition(row), []).append(row)
    first, *others = by_run.values() if runs else [{}]
    pairs = {
        run: [Pair(one := broadest(first[key]), broadest(own, like=one)) for key, own in other.items() if key in first]
        for run, other in zip(runs[1:], others, strict=True)
    }
    return {run: found for run, found in pairs.items() if found}


def run_differences(rows: Sequence[Row], *, every_metric: bool = False) -> list[tuple[str, Content]]:
    """Return a title and a table of differences for each run that shares rows with the first one.

    Args:
        rows: Those of several runs; of one there are no differences.
        every_metric: Compare all metrics, not only the one that rows go by and DEO_A.
    """
    pairs = pairs_of(rows)
    return [(f"{run} against {own[0].one.run}", _content(own, every_metric)) for run, own in pairs.items()]


def _content(pairs: Sequence[Pair], every_metric: bool) -> Content:
    """Return a table with a line for each pair and metric."""
    both = [row for pair in pairs for row in (pair.one, pair.other)]
    names = {name: metric.heading for name, metric in shown_metrics(both).items()}
    lines = [
        (pair, name)
        for pair in pairs
        for name in names
        if (every_metric or name in (pair.one.headline, "deo_mean"))
        and pair.one.mean(name) is not None
        and pair.other.mean(name) is not None
    ]
    columns, caption = identity_columns([pair.one for pair, _ in lines], without=REPEATED)
    found = [difference(pair.other, pair.one, name) for pair, name in lines]
    columns += [
        Column("metric", tuple(names[name] for _, name in lines), number=False),
        Column(pairs[0].one.run, tuple(_percent(pair.one, name) for pair, name in lines), spare=1),
        Column(pairs[0].other.run, tuple(_percent(pair.other, name) for pair, name in lines), spare=1),
        Column("difference", tuple(_gap(pair, name) for pair, name in lines)),
        Column("95% interval", tuple(map(_ends, found))),
        Column("verdict", tuple(map(_verdict, found)), number=False),
    ]
    return Content(tuple(columns), ("",) * len(lines), tuple(line for line in [*caption, *_meanings(found)] if line))


def _percent(row: Row, metric: str) -> str:
    return f"{100 * (row.mean(metric) or 0.0):.1f}"


def _gap(pair: Pair, metric: str) -> str:
    return _points((pair.other.mean(metric) or 0.0) - (pair.one.mean(metric) or 0.0))


def _points(difference: float) -> str:
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def _ends(found: Difference | None) -> str:
    return NOTHING if found is None else f"[{_points(found.low)}, {_points(found.high)}]"


def _verdict(found: Difference | None) -> str:
    if found is None:
        return "single values"
    verdict = "differ" if found.significant else "inside the noise"
    return verdict if found.paired else f"{verdict} (other seeds)"


def _meanings(found: Sequence[Difference | None]) -> list[str]:
    """Say what the figures of a table of differences are."""
    known = [each for each in found if each is not None]
    how = "seed by seed where both runs have the same seeds (paired t), else by Welch's t" if known else ""
    told = [
        f"percent, differences in points with their 95% intervals, {how}" if how else "percent, differences in points"
    ]
    if any(each.over == NETWORKS for each in known):
        told.append("of one set, intervals rest on its networks and say nothing of another set")
    if None in found:
        told.append("single values: no noise is known")
    return ["; ".join(told)]
