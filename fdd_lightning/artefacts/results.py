"""The rows of ``results.json``: their keys, reading, checking, writing and joining.

Figures are fractions; a figure that does not exist is None (``null``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from fdd_lightning.artefacts.cells import is_uneven, mean_over_cells
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from fdd_lightning.utils.files import read_json, write_json
from fdd_lightning.utils.plain_text import cleaned
from fdd_lightning.utils.typed_json import even_lines, misfits

FORMAT = 2
POPULATION = 1
"""The format before: its deviations divide by the number of values, and are computed again when it is read."""
ACCURACY, BALANCED = "accuracy", "balanced_accuracy"
"""Metrics that rows are compared by."""


@dataclass
class MetricSummary:
    """One metric over distilled sets and evaluation networks.

    Attributes:
        mean: Mean over all values that exist.
        std: Standard deviation of the sample (division by one less than their number) over the same values; 0 for a
            single one.
        values: ``values[i][j]`` belongs to distillation seed i and network j; None where it does not exist. The
            networks of the first evaluation seed stand first, then those of the second, and so on.

    Example:
        >>> MetricSummary.of([[0.5, 1.0, 0.0]])
        MetricSummary(mean=0.5, std=0.5, values=[[0.5, 1.0, 0.0]])
    """

    mean: float
    std: float
    values: list[list[float | None]]

    @classmethod
    def of(cls, values: Iterable[Iterable[float | None]]) -> MetricSummary | None:
        """Summarise a metric; nan or None stand for values that do not exist, and the result is None if none does."""
        clean = [[None if v is None or math.isnan(v) else float(v) for v in line] for line in values]
        summary = cls(0.0, 0.0, clean)
        if not summary.existing:
            return None
        summary.mean = math.fsum(summary.existing) / len(summary.existing)
        summary.std = _deviation(summary.existing, summary.mean)
        return summary

    @property
    def existing(self) -> list[float]:
        """All values that exist."""
        return [v for line in self.values for v in line if v is not None]

    def follows(self, form: int = FORMAT) -> bool:
        """Tell whether mean and deviation are those of the values, as files of a format have them."""
        again = MetricSummary.of(self.values)
        if again is None:
            return True
        std = _deviation(again.existing, again.mean, lost=0) if form == POPULATION else again.std
        pairs = ((again.mean, self.mean), (std, self.std))
        return all(math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6) for one, other in pairs)


def _deviation(values: Sequence[float], mean: float, lost: int = 1) -> float:
    """Return the standard deviation of values, by their number less the degrees of freedom that are lost."""
    if len(values) < 2:
        return 0.0
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - lost))


def full_method(method: str, variant: str) -> str:
    """Return a method as titles and tables name it: ``dm``, ``dm recommended``."""
    return method if variant == "published" else f"{method} {variant}"


@dataclass(kw_only=True)
class Identity:
    """What makes a row the row it is; what was measured is not part of it.

    Attributes:
        dataset: Name of the data set.
        method: ``random``, ``dm``, ..., ``full``.
        weighting: Its name in the menu, ``vanilla``, ``kde``, ``vote``, ..., or a user's own.
        ipc: Images per class; None for the whole training set.
        conflict_ratio: Nominal share of bias-conflicting images, or None.
        network: Architecture that was trained on the set.
        train_on: ``synthetic`` or ``real``.
        trainer: How it was trained, ``erm`` for example.
        settings: Leaves of data, fit and distill that differ from the method's preset.
        preset: Evaluation preset.
        distill_seeds: Seeds of the distilled sets, the first index of ``values``.
        eval_networks: Networks per distilled set over all evaluation seeds, the second index of ``values``.
        eval_seeds: Seeds of the evaluations of every set; None where each set's went with its distillation seed.
        eval_settings: Leaves of the evaluation that differ from its preset; the oldest files lack them.
        variant: ``published``, or ``recommended`` by this project; older files lack it.

    Example:
        >>> IDENTITY[:4]
        ('dataset', 'method', 'weighting', 'ipc')
    """

    dataset: str
    method: str
    weighting: str
    ipc: int | None
    conflict_ratio: float | None
    network: str
    train_on: str
    trainer: str
    settings: dict[str, Any]
    preset: str
    distill_seeds: list[int]
    eval_networks: int
    eval_seeds: list[int] | None = None
    eval_settings: dict[str, Any] = field(default_factory=dict)
    variant: str = "published"

    @property
    def full_method(self) -> str:
        """The method as tables name it: ``dm``, ``dm recommended``."""
        return full_method(self.method, self.variant)

    def identity(self) -> dict[str, Any]:
        """Return the keys of the identity, also of a row that has figures."""
        return {key: getattr(self, key) for key in IDENTITY}

    def identity_key(self) -> str:
        """Return :meth:`identity` as text that is equal for equal rows, for use as a dictionary's key."""
        return json.dumps(self.identity(), sort_keys=True)


IDENTITY = tuple(key.name for key in fields(Identity))


@dataclass(kw_only=True)
class Row(Identity):
    """One result: a method on a data set, evaluated in one way.

    Attributes:
        seconds: Time of each stage; None where it is not known.
        metrics: Summary of each metric by its name, None where it does not exist for the data set.
        cell_accuracy: Accuracy by class and group, mean over everything; None in empty cells.
        cell_count: Test images by class and group.
        reads_groups: Whether a true group label was read anywhere on the way; None where older files do not say.
        signal: What a label-free verdict came to: ``vote`` or ``none``, of an encoder ``encoder`` or ``doubtful``; None
            where nothing was judged.
        small_cells: Cells with test images that are too few to be judged one by one, and so are left out of the gaps
            and the worst; None where older files do not say.
        conflict_count: Test images that the figures on bias-conflicting images rest on, or those on images against the
            crowd where only these are known; None where there are none, and where older files do not say.
        warnings: What is doubtful about it, in words (see :mod:`fdd_lightning.artefacts.doubts`).
        more: Keys that this release does not know.
        run: The run that it was read from, where several stand side by side; no file holds it.

    Example:
        >>> Row.from_json({"dataset": "cmnist"})
        Traceback (most recent call last):
        fdd_lightning.errors.FileFormatError: lacks 'method'
    """

    seconds: dict[str, float | None]
    metrics: dict[str, MetricSummary | None]
    cell_accuracy: list[list[float | None]] | None
    cell_count: list[list[int]] | None
    reads_groups: bool | None = None
    signal: str | None = None
    small_cells: int | None = None
    conflict_count: int | None = None
    warnings: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    run: str = ""

    @classmethod
    def from_json(cls, document: Any, form: int = FORMAT) -> Row:
        """Check a row of a file and return it as files have it today.

        Args:
            document: The row.
            form: Format of the file.

        Raises:
            FileFormatError: Says what is wrong with the row, in words that go on from "row 3".
        """
        if not isinstance(document, dict):
            raise FileFormatError("is not an object")
        keys = {}
        for key in fields(cls):
            if key.name == "run":
                continue
            if key.name in document:
                keys[key.name] = document[key.name]
            elif key.default is MISSING and key.default_factory is MISSING:
                raise FileFormatError(f"lacks {key.name!r}")
        keys["more"] = {key: value for key, value in document.items() if key not in keys}
        if isinstance(keys["metrics"], dict):
            keys["metrics"] = {name: _summary(name, each) for name, each in keys["metrics"].items()}
        row = cls(**keys)
        for problem in row._problems(form):
            raise FileFormatError(problem)
        if form == POPULATION:
            for summary in filter(None, row.metrics.values()):
                summary.std = _deviation(summary.existing, summary.mean)
        return row

    def to_json(self) -> dict[str, Any]:
        """Return the row as the file holds it."""
        document = asdict(self)
        more, _ = document.pop("more"), document.pop("run")
        if not self.warnings:
            del document["warnings"]
        return {**document, **more}

    def mean(self, metric: str) -> float | None:
        """Return a metric's mean, or None where it does not exist; the balanced one of older rows is their cells'."""
        summary = self.metrics.get(metric)
        if summary is None and metric == BALANCED:
            return mean_over_cells(self.cell_accuracy)
        return None if summary is None else summary.mean

    def std(self, metric: str) -> float | None:
        """Return a metric's standard deviation; None where it does not exist or rests on a single value."""
        summary = self.metrics.get(metric)
        if summary is None or len(summary.existing) < 2:
            return None
        return summary.std

    @property
    def headline(self) -> str:
        """The metric that rows are compared by: accuracy, or the balanced one where the test set is uneven."""
        return BALANCED if is_uneven(self.cell_count) and self.mean(BALANCED) is not None else ACCURACY

    @property
    def in_words(self) -> str:
        """Accuracy, balanced where the test set is uneven, and mean gap between groups: ``90.9%, DEO_A 12.3``."""
        accuracy, gap = self.mean(self.headline), self.mean("deo_mean")
        text = "no accuracy" if accuracy is None else f"{100 * accuracy:.1f}%"
        text += " (balanced)" if self.headline == BALANCED else ""
        return text if gap is None else f"{text}, DEO_A {100 * gap:.1f}"

    @property
    def num_sets(self) -> int:
        """Number of training sets: the distilled ones, or the one whole training set."""
        return max(1, len(self.distill_seeds))

    def values(self, metric: str) -> list[list[float | None]]:
        """Return a metric's values, all None where it does not exist."""
        summary = self.metrics.get(metric)
        return summary.values if summary else [[None] * self.eval_networks for _ in range(self.num_sets)]

    def _problems(self, form: int) -> Iterator[str]:
        hints = get_type_hints(Row)
        for key in fields(self):
            for name, problem in misfits(getattr(self, key.name), hints[key.name], key.name):
                yield f"has {name!r} {problem}"
        for name in ("cell_accuracy", "cell_count"):
            if not even_lines(getattr(self, name)):
                yield f"has {name!r} that is no matrix of classes by groups"
        if self.eval_seeds is not None and (not self.eval_seeds or self.eval_networks % len(self.eval_seeds)):
            yield "has 'eval_networks' that are not equally many for each of 'eval_seeds'"
        for name, summary in self.metrics.items():
            if summary and [len(line) for line in summary.values] != [self.eval_networks] * self.num_sets:
                yield f"has a metric {name!r} whose values are not one for each distillation seed and network"
            if summary and not summary.follows(form):
                yield f"has a metric {name!r} whose mean and std are not those of its values"


def _summary(name: str, document: Any) -> MetricSummary | None:
    if document is None:
        return None
    if not isinstance(document, dict) or set(document) != {key.name for key in fields(MetricSummary)}:
        raise FileFormatError(f"has a metric {name!r} without mean, std and values")
    return MetricSummary(**document)


def join_seeds(rows: Sequence[Row]) -> Row:
    """Join rows that differ in nothing but their distillation and evaluation seeds into one.

    Args:
        rows: At least one row; no two are of the same seeds, and every set has the same evaluation seeds.

    Returns:
        A row with all seeds in the given order, means and deviations over all values, the seconds of each stage
        summed (as far as they are known), the cells' accuracies averaged (each row counts by its number of values), and
        every warning once.

    Raises:
        ValueError: The rows differ in another key, or a seed occurs twice.
    """
    by_set: dict[tuple[int, ...], list[Row]] = {}
    for row in rows:
        by_set.setdefault(tuple(row.distill_seeds), []).append(row)
    sets = [_join(of_set, "eval_seeds") for of_set in by_set.values()]
    return _join(sets, "distill_seeds")


def _join(rows: Sequence[Row], along: str) -> Row:
    """Join rows that differ in one kind of seed, along whose axis their values are put together."""
    first = rows[0]
    if len(rows) == 1:
        return first
    seeds = [seed for row in rows for seed in getattr(row, along) or [None]]
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"{along.replace('_', ' ')} occur twice: {seeds}")
    for key in (*(key for key in IDENTITY if key != along), "cell_count"):
        if any(getattr(row, key) != getattr(first, key) for row in rows):
            raise ValueError(f"rows to be joined differ in {key}")

    def joined(metric: str) -> MetricSummary | None:
        values = [row.values(metric) for row in rows]
        if along == "distill_seeds":
            return MetricSummary.of(line for of_row in values for line in of_row)
        return MetricSummary.of([v for line in lines for v in line] for lines in zip(*values, strict=True))

    names = dict.fromkeys(name for row in rows for name in row.metrics)
    changed: dict[str, Any] = {along: seeds}
    if along == "eval_seeds":
        changed["eval_networks"] = first.eval_networks * len(rows)
    return replace(
        first,
        **changed,
        metrics={name: joined(name) for name in names},
        seconds={stage: _sum(row.seconds.get(stage) for row in rows) for row in rows for stage in row.seconds},
        warnings=list(dict.fromkeys(word for row in rows for word in row.warnings)),
        cell_accuracy=_mean_cells([(row.cell_accuracy, row.num_sets) for row in rows if row.cell_accuracy]),
    )


def _sum(seconds: Iterable[float | None]) -> float | None:
    """Return the sum of the times that are known, None where none is."""
    known = [value for value in seconds if value is not None]
    return math.fsum(known) if known else None


def _mean_cells(matrices: Sequence[tuple[list[list[float | None]], int]]) -> list[list[float | None]] | None:
    """Return the weighted mean of several (class, group) matrices, None where none has a value."""

    def mean(c: int, g: int) -> float | None:
        weighed = [(value, weight) for matrix, weight in matrices if (value := matrix[c][g]) is not None]
        total = sum(weight for _, weight in weighed)
        return math.fsum(value * weight for value, weight in weighed) / total if weighed else None

    return [[mean(c, g) for g in range(len(line))] for c, line in enumerate(matrices[0][0])] if matrices else None


def write_results(path: str | Path, rows: Sequence[Row]) -> None:
    """Write a ``results.json`` atomically.

    Raises:
        FileFormatError: A row could not be read again.
    """
    document = {"format": FORMAT, "rows": [row.to_json() for row in rows]}
    parse_results(document, str(path))
    write_json(path, document)


def read_results(path: str | Path) -> list[Row]:
    """Read and check a ``results.json``.

    Raises:
        DatasetNotFoundError: There is no such file.
        FileFormatError: It is no JSON, of another kind or version, or a row lacks something.
    """
    if not Path(path).is_file():
        raise DatasetNotFoundError(f"results {str(path)!r} do not exist: check the path, or run fdd run first")
    return parse_results(cleaned(read_json(path)), str(path))


def parse_results(document: Any, where: str) -> list[Row]:
    """Check what a ``results.json`` holds and return its rows; messages say ``where``.

    Raises:
        FileFormatError: It is of another kind or version, or a row lacks something.
    """
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise FileFormatError(f"{where} is not a results file (no 'rows'): name a results.json written by fdd")
    form = document.get("format")
    if form not in (POPULATION, FORMAT):
        raise FileFormatError(
            f"{where} has format version {form!r}, this code reads versions {POPULATION} and {FORMAT}: "
            "use the version of fdd-lightning that wrote it"
        )
    rows = []
    for number, row in enumerate(document["rows"]):
        try:
            rows.append(Row.from_json(row, form))
        except FileFormatError as error:
            raise FileFormatError(f"{where}: row {number} {error}: run the evaluation again") from None
    return rows
