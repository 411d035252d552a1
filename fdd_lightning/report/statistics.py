"""How sure a figure is: its spread over both kinds of seed, its 95% interval, and whether two rows differ.

What is independent is the training set. Networks that were trained on one distilled set share its luck, so nine
networks on three sets are three observations and not nine: where there are two sets or more, intervals rest on the
means of the sets, and so carry the variance between sets as well as that of the networks. Where there is one set, they
rest on its networks and say nothing of another set that the same method would have made; :data:`NETWORKS` in ``over``
says so. More evaluation seeds are more networks on each set.

Intervals are Student's t, by scipy. With the three to five seeds that are usual their coverage is honest, which is
tested by simulation; the bootstrap's is not: three values can be resampled to ten means at most, and its 95% intervals
hold the truth about three times in four. None of this draws anything, so equal rows give equal figures.

Each interval is for itself. Of twenty pairs of rows that do not differ, about one is found to.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, stdev

from scipy import stats

from fdd_lightning.artefacts.results import Row

CONFIDENCE = 0.95
SETS, NETWORKS = "sets", "networks"
"""What an interval rests on: the means of several sets, or the networks trained on one."""
CACHED = 10_000
ALIKE = 1e-12
"""Values this near to each other do not vary but in how they were rounded."""

Values = Sequence[Sequence[float | None]]
"""``values[i][j]`` belongs to distillation seed i and network j; None where it does not exist."""


@dataclass(frozen=True)
class Spread:
    """Sample standard deviations (division by one less than their number) over both kinds of seed.

    Attributes:
        sets: Of the sets' means, over distillation seeds; None with one set.
        networks: Of networks trained on one set, pooled over sets; None with one network for each.

    Example:
        >>> spread([[0.5, 0.7], [0.7, 0.9]])
        Spread(sets=0.1414..., networks=0.1414...)
    """

    sets: float | None
    networks: float | None


@dataclass(frozen=True)
class Interval:
    """A 95% interval of a mean.

    Attributes:
        low: Its lower end; may lie below what a metric can be, where few values vary much.
        high: Its upper end.
        over: What it rests on, :data:`SETS` or :data:`NETWORKS`.

    Example:
        >>> interval([[0.5, 0.7]]).over
        'networks'
    """

    low: float
    high: float
    over: str = SETS


@dataclass(frozen=True)
class Difference:
    """How far one row lies above another, with the 95% interval of that.

    Attributes:
        mean: The difference.
        low: Lower end of its interval.
        high: Upper end.
        paired: Whether equal seeds were compared one by one.
        over: What the interval rests on; :data:`NETWORKS` where that of one of the rows does.

    Example:
        >>> Difference(0.04, -0.01, 0.09, paired=True).significant
        False
    """

    mean: float
    low: float
    high: float
    paired: bool
    over: str = SETS

    @property
    def significant(self) -> bool:
        """Whether the rows differ: their interval leaves out zero. Else the difference is inside the noise."""
        return not self.low <= 0 <= self.high


def spread(values: Values) -> Spread:
    """Return the deviation over the sets' means, and that over networks inside the sets.

    The first holds the networks' variance too, over their number: it is what the mean of a set is seen to vary by.
    """
    lines = _existing(values)
    means = [fmean(line) for line in lines]
    freedom = sum(len(line) - 1 for line in lines)
    squares = math.fsum((v - mean) ** 2 for line, mean in zip(lines, means, strict=True) for v in line)
    return Spread(stdev(means) if len(means) > 1 else None, math.sqrt(squares / freedom) if freedom else None)


def interval(values: Values) -> Interval | None:
    """Return the 95% interval of a metric's mean, Student's t; None where there is but one value.

    Example:
        >>> interval([[0.5], [0.6], [0.7]])
        Interval(low=0.3515..., high=0.8484..., over='sets')
    """
    units, over = independent_units(values, range(len(values)))
    if len(units) < 2:
        return None
    own = [*units.values()]
    if _constant(own):
        return Interval(own[0], own[0], over)
    return Interval(*_ends_of_mean(tuple(own)), over)


def difference(one: Row, other: Row, metric: str) -> Difference | None:
    """Return by how much a row lies above another in a metric, and the 95% interval of that.

    Rows with equal distillation seeds, on the same data by the same seed, are compared seed by seed (the paired t):
    they began at the same images and networks, so that much of their noise is common and falls out. Others by
    Welch's t, which lets each row have a variance of its own. Rows with one set are compared by their networks.

    Returns:
        None where the metric does not exist in both, or where one of them has but one value.

    Example:
        >>> from fdd_lightning.artefacts.results import MetricSummary
        >>> facts = {"dataset": "d", "method": "dm", "ipc": 1, "conflict_ratio": None, "network": "convnet"}
        >>> facts |= {"train_on": "synthetic", "trainer": "erm", "settings": {}, "preset": "quick", "eval_networks": 1}
        >>> facts |= {"distill_seeds": [0, 1, 2], "seconds": {}, "cell_accuracy": None, "cell_count": None}
        >>> better, worse = (
        ...     Row(**facts, weighting=w, metrics={"accuracy": MetricSummary.of([[v], [v + 0.1], [2 * v]])})
        ...     for w, v in (("fairdd", 0.32), ("vanilla", 0.3))
        ... )
        >>> found = difference(better, worse, "accuracy")
        >>> f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]", found.paired, found.significant
        ('0.027 [-0.002, 0.055]', True, False)
    """
    (first, over), (second, over_second) = (
        independent_units(row.values(metric), row.distill_seeds or [None]) for row in (one, other)
    )
    paired = over == over_second and same_draws(one, other)
    if paired:
        common = [key for key in first if key in second]
        first, second = {key: first[key] for key in common}, {key: second[key] for key in common}
    if min(len(first), len(second)) < 2:
        return None
    a, b = [*first.values()], [*second.values()]
    mean = fmean(a) - fmean(b)
    over = SETS if over == over_second == SETS else NETWORKS
    if _constant([x - y for x, y in zip(a, b, strict=True)]) if paired else _constant(a) and _constant(b):
        mean = mean if abs(mean) > ALIKE else 0.0
        return Difference(mean, mean, mean, paired, over)
    return Difference(mean, *_ends_of_difference(tuple(a), tuple(b), paired), paired, over)


# A run writes its table again for every row that ends, so what was computed is kept.
@lru_cache(maxsize=CACHED)
def _ends_of_mean(units: tuple[float, ...]) -> tuple[float, float]:
    with _quiet():
        low, high = stats.ttest_1samp(units, 0.0).confidence_interval(CONFIDENCE)
    return float(low), float(high)


@lru_cache(maxsize=CACHED)
def _ends_of_difference(one: tuple[float, ...], other: tuple[float, ...], paired: bool) -> tuple[float, float]:
    with _quiet():
        test = stats.ttest_rel(one, other) if paired else stats.ttest_ind(one, other, equal_var=False)
        low, high = test.confidence_interval(CONFIDENCE)
    return float(low), float(high)


def same_draws(one: Row, other: Row) -> bool:
    """Tell whether rows have equal distillation seeds, in whatever order, on the same data drawn by the same seed."""

    def draws(row: Row) -> tuple[object, ...]:
        return row.dataset, row.settings.get("seed", 0), sorted(row.distill_seeds), row.num_sets

    return draws(one) == draws(other)


def independent_units(values: Values, seeds: Sequence[Hashable]) -> tuple[dict[Hashable, float], str]:
    """Return what is independent, by its seeds: the means of several sets, or the networks of one; and which it is."""
    lines = {seed: [v for v in line if v is not None] for seed, line in zip(seeds, values, strict=True)}
    means = {seed: fmean(line) for seed, line in lines.items() if line}
    if len(means) > 1:
        return {**means}, SETS
    pairs = zip(seeds, values, strict=True)
    return {(seed, j): v for seed, line in pairs for j, v in enumerate(line) if v is not None}, NETWORKS


def _existing(values: Values) -> list[list[float]]:
    lines = [[v for v in line if v is not None] for line in values]
    return [line for line in lines if line]


def _constant(values: Sequence[float]) -> bool:
    return max(values) - min(values) <= ALIKE


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep scipy from warning of values that hardly vary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield
