"""The judgement of a run in words: did the correction help, beyond the noise, and was distilling worth it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import variance

from fdd_lightning.artefacts.results import BALANCED, Row
from fdd_lightning.report.statistics import SETS, Difference, difference, independent_units
from fdd_lightning.report.words import counted

ELSE = ("dataset", "ipc", "conflict_ratio", "network", "train_on", "trainer", "preset", "eval_settings")
"""What rows must have in common to be compared."""

AGAINST = {
    "conflict_accuracy": "images that go against the bias",
    "against_crowd_accuracy": "images that look like another class (no group labels: as their neighbours vote)",
}
"""Metrics that show a bias best, the best first, and the images that they are about."""

ENOUGH = 2.0
"""Multiples of the noise from which on a difference is taken for one."""


UNSEEN = (
    "a bias in shape, size or place, or of a few groups over many classes, would not show, so this is no all-clear "
    "(`fdd audit` says more)"
)
"""What a label-free verdict cannot see."""


def judgements(rows: Sequence[Row]) -> list[list[str]]:
    """Return what each row came to that has a row without correction beside it: same method, weighting vanilla.

    Its name, and then in a line each: what it does to the images that go against the bias; what that costs on all of
    them; what training on all images comes to; and whether images drawn by the same weights do as well.
    """
    return [_judgement(row, before, rows) for row in rows if (before := uncorrected(row, rows)) is not None]


def best_row(rows: Sequence[Row]) -> Row | None:
    """Return the recommended row that does best on the images that go against the bias; None if there is none."""
    candidates = [row for row in rows if row.variant == "recommended"]
    metric = next((m for m in AGAINST if all(row.mean(m) is not None for row in candidates)), None)
    return max(candidates, key=lambda row: row.mean(metric or row.headline) or 0.0, default=None)


def alike(row: Row, rows: Sequence[Row], **keys: str) -> Row | None:
    """Return the first row on the same data, of the same size and evaluation, that has the given keys.

    Of several runs, rows of the same one come first.
    """
    same = (other for other in _own_run_first(row, rows) if all(getattr(other, k) == getattr(row, k) for k in ELSE))
    return next((other for other in same if all(getattr(other, key) == value for key, value in keys.items())), None)


def _own_run_first(row: Row, rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda other: other.run != row.run)


def uncorrected(row: Row, rows: Sequence[Row]) -> Row | None:
    """Return the row of a recommended one's method without a correction; None for any other row."""
    if row.weighting == "vanilla" or row.variant != "recommended":
        return None
    return alike(row, rows, method=row.method, variant=row.variant, weighting="vanilla")


def times_the_noise(one: Row, other: Row, metric: str) -> float:
    """Return by how many times the noise a row lies above another in a metric; 0 where neither varies nor differs.

    The noise is the standard error of the difference: that of the distilled sets' means (of the networks where there is
    one set), and that of the test images drawn, taken as if each row had been tested on images of its own. The latter
    makes it rather too large: both saw the same.

    Example:
        >>> from fdd_lightning.artefacts.results import MetricSummary
        >>> facts = {"dataset": "d", "method": "dm", "ipc": 1, "conflict_ratio": None, "network": "convnet"}
        >>> facts |= {"train_on": "synthetic", "trainer": "erm", "settings": {}, "preset": "quick", "eval_networks": 1}
        >>> facts |= {"distill_seeds": [0, 1], "seconds": {}, "cell_accuracy": None, "cell_count": [[200]]}
        >>> better, worse = (
        ...     Row(**facts, weighting=w, metrics={"accuracy": MetricSummary.of([[v], [v + 0.02]])})
        ...     for w, v in (("vote", 0.49), ("vanilla", 0.29))
        ... )
        >>> round(times_the_noise(better, worse, "accuracy"), 2)
        4.0
    """
    difference = (one.mean(metric) or 0.0) - (other.mean(metric) or 0.0)
    varies = math.fsum(_training_variance(row, metric) + _sampling_variance(row, metric) for row in (one, other))
    if varies == 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / math.sqrt(varies)


def too_few(row: Row, found: Difference) -> str:
    """Say what an interval rests on, where it holds zero although the difference is beyond the noise."""
    units = counted(row.num_sets, "set") if found.over == SETS else counted(row.eval_networks, "network")
    return f"{units} are too few to be sure"


def _training_variance(row: Row, metric: str) -> float:
    """Return the variance of a row's mean over what was distilled and trained."""
    lines = row.values(metric)
    values = [*independent_units(lines, range(len(lines)))[0].values()]
    return variance(values) / len(values) if len(values) > 1 else 0.0


def _sampling_variance(row: Row, metric: str) -> float:
    """Return the variance of a row's mean because the test images are a sample."""
    cells = [
        (accuracy, count)
        for accuracies, counts in zip(row.cell_accuracy or [], row.cell_count or [], strict=False)
        for accuracy, count in zip(accuracies, counts, strict=True)
        if accuracy is not None and count
    ]
    if metric == BALANCED and cells:
        return math.fsum(p * (1 - p) / count for p, count in cells) / len(cells) ** 2
    count = row.conflict_count if metric in AGAINST else sum(map(sum, row.cell_count or []))
    mean = row.mean(metric) or 0.0
    return mean * (1 - mean) / count if count else 0.0


def _judgement(row: Row, before: Row, rows: Sequence[Row]) -> list[str]:
    where = f"{row.dataset}, ipc {row.ipc}" + (f", {100 * row.conflict_ratio:g}%" if row.conflict_ratio else "")
    if len({(r.network, r.trainer) for r in rows}) > 1:
        where += f", {row.network}, {row.trainer}"
    where += f", {row.run}" if row.run else ""
    told = [f"{row.full_method} {row.weighting} ({where})"]
    if row.signal == "none":
        told.append(f"no shortcut was found, so no correction was applied and the set is that of vanilla; {UNSEEN}")
    else:
        told += _with_correction(row, before)
    metrics = _shown_metrics(row, before)
    whole = next((r for r in _own_run_first(row, rows) if r.method == "full" and _same_place(r, row)), None)
    if whole is not None:
        told.append(f"trained on all images instead of {row.ipc} of a class: {_figures(whole, metrics)}")
    drawn = alike(row, rows, method="random", weighting=row.weighting)
    if drawn is not None:
        times = times_the_noise(row, drawn, metrics[0])
        images = f"{row.ipc} image{'' if row.ipc == 1 else 's'} of each class drawn in the same way"
        told.append(f"{images}: {_figures(drawn, metrics)}; {_against_drawn(times, row)}")
    return told


def _same_place(row: Row, other: Row) -> bool:
    keys = ("dataset", "conflict_ratio", "network", "trainer")
    return all(getattr(row, key) == getattr(other, key) for key in keys)


def _shown_metrics(row: Row, before: Row) -> list[str]:
    """Return the metric that shows the bias best, where there is one, and the one that rows go by."""
    best = next((m for m in AGAINST if row.mean(m) is not None and before.mean(m) is not None), row.headline)
    return list(dict.fromkeys([best, row.headline]))


def _figures(row: Row, metrics: Sequence[str]) -> str:
    return " of these, ".join(f"{_percent(row, m)}" for m in metrics) + (" of all" if len(metrics) > 1 else "")


def _with_correction(row: Row, before: Row) -> list[str]:
    """Say what the correction did, where it matters and over all."""
    metric, *others = _shown_metrics(row, before)
    count = f", {row.conflict_count:,} in the test" if row.conflict_count and metric in AGAINST else ""
    times = times_the_noise(row, before, metric)
    found = difference(row, before, metric)
    if abs(times) < ENOUGH:
        verdict = "so no effect is shown"
    elif found is not None and not found.significant:
        verdict = f"so it seems to {'help' if times > 0 else 'do harm'}, but {too_few(row, found)}"
    else:
        verdict = "so it helps" if times > 0 else "so it does harm here: keep vanilla"
    figures = f"{_percent(before, metric)} right without the correction, {_percent(row, metric)} with it"
    told = [f"on {AGAINST.get(metric, 'all images')}{count}: {figures}; {_times(times)} the noise, {verdict}"]
    for other in others:
        images = "on average over classes and groups" if other == BALANCED else "on all images"
        price = f"{images}: {_percent(before, other)} without, {_percent(row, other)} with it"
        rewarded = other != BALANCED and times > 0 and (row.mean(other) or 0.0) < (before.mean(other) or 0.0)
        told.append(
            price + (" (where the test is as biased as the training, that rewards the bias)" if rewarded else "")
        )
    if row.signal == "doubtful":
        told.append("two encoders disagree about it: do not trust it")
    return told


def _against_drawn(times: float, row: Row) -> str:
    """Say whether as many images drawn by the same weights do as well."""
    if abs(times) < ENOUGH:
        sets = f"{row.num_sets} set{'' if row.num_sets == 1 else 's'}"
        return f"{_times(times)} the noise from the distilled ones, which {sets} cannot tell apart"
    return f"the distilled ones are {'better' if times > 0 else 'worse'}, by {_times(times)} the noise"


def _percent(row: Row, metric: str) -> str:
    mean = row.mean(metric)
    return "no figure" if mean is None else f"{100 * mean:.1f}%"


def _times(times: float) -> str:
    return "beyond" if math.isinf(times) else f"{abs(times):.1f} times"
