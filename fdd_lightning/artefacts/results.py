"""The rows of ``results.json``: their shape, reading, checking, writing and merging.

Figures are fractions; a figure that does not exist is None (``null``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from fdd_lightning.utils.files import read_json, write_json

FORMAT = 1
METRICS = (
    "accuracy",
    "deo_max",
    "deo_mean",
    "worst_group_accuracy",
    "aligned_accuracy",
    "conflict_accuracy",
)
"""Metrics of every row, in this order."""
IDENTITY = (
    "dataset",
    "method",
    "weighting",
    "ipc",
    "conflict_ratio",
    "network",
    "train_on",
    "trainer",
    "settings",
    "preset",
    "eval_networks",
    "distill_seeds",
    "eval_settings",
)
"""The keys that make a row the row it is; what was measured is not among them."""


class MetricSummary(TypedDict):
    """One metric over distilled sets and evaluation networks.

    Attributes:
        mean: Mean over all values that exist.
        std: Population standard deviation (division by their number) over the same values; 0 for a single one.
        values: ``values[i][j]`` belongs to distillation seed i and network j; None where it does not exist.
    """

    mean: float
    std: float
    values: list[list[float | None]]


class Row(TypedDict):
    """One result, as ``results.json`` holds it.

    Attributes:
        dataset: Name of the data set.
        method: ``random``, ``dm``, ..., ``full``.
        weighting: ``vanilla``, ``kde``, ``fairdd``, ``barycenter`` or a user's own.
        ipc: Images per class; None for the whole training set.
        conflict_ratio: Nominal share of bias-conflicting images, or None.
        network: Architecture that was trained on the set.
        train_on: ``synthetic`` or ``real``.
        trainer: How it was trained, ``erm`` for example.
        settings: Leaves of data, fit and distill that differ from the method's preset.
        preset: Evaluation preset.
        eval_settings: Leaves of the evaluation that differ from its preset.
        distill_seeds: Seeds of the distilled sets, the first index of ``values``.
        eval_networks: Networks per distilled set, the second index of ``values``.
        seconds: Time of each stage; None where it is not known.
        metrics: Summary of each of :data:`METRICS`, None where it does not exist for the data set.
        cell_accuracy: Accuracy by class and group, mean over everything; None in empty cells.
        cell_count: Test images by class and group.
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
    eval_settings: dict[str, Any]
    distill_seeds: list[int]
    eval_networks: int
    seconds: dict[str, float | None]
    metrics: dict[str, MetricSummary | None]
    cell_accuracy: list[list[float | None]] | None
    cell_count: list[list[int]] | None


_OPTIONAL_INT = (int, type(None))
_OPTIONAL_FLOAT = (int, float, type(None))
_TYPES: dict[str, tuple[type, ...]] = {
    "dataset": (str,),
    "method": (str,),
    "weighting": (str,),
    "ipc": _OPTIONAL_INT,
    "conflict_ratio": _OPTIONAL_FLOAT,
    "network": (str,),
    "train_on": (str,),
    "trainer": (str,),
    "settings": (dict,),
    "preset": (str,),
    "eval_settings": (dict,),
    "distill_seeds": (list,),
    "eval_networks": (int,),
    "seconds": (dict,),
    "metrics": (dict,),
    "cell_accuracy": (list, type(None)),
    "cell_count": (list, type(None)),
}


def metric_summary(values: Sequence[Sequence[float | None]]) -> MetricSummary | None:
    """Summarise a metric over distilled sets and networks.

    Args:
        values: ``values[i][j]`` of distillation seed i and network j; nan or None where the metric does not exist.

    Returns:
        Mean, population standard deviation (ddof 0: the spread of exactly these runs; 0 for one value) and the
        values with None for nan; None where no value exists.
    """
    clean = [[None if v is None or math.isnan(v) else float(v) for v in row] for row in values]
    found = [v for row in clean for v in row if v is not None]
    if not found:
        return None
    mean = math.fsum(found) / len(found)
    std = math.sqrt(math.fsum((v - mean) ** 2 for v in found) / len(found))
    return {"mean": mean, "std": std, "values": clean}


def mean_of(row: Row, metric: str) -> float | None:
    """Return a metric's mean, or None where it does not exist."""
    summary = row["metrics"].get(metric)
    return None if summary is None else summary["mean"]


def std_of(row: Row, metric: str) -> float | None:
    """Return a metric's standard deviation; None where it does not exist or rests on a single value."""
    summary = row["metrics"].get(metric)
    if summary is None or sum(v is not None for values in summary["values"] for v in values) < 2:
        return None
    return summary["std"]


def identity(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a row the row it is (:data:`IDENTITY`), also of a row of a plan that has no figures yet."""
    return {key: row.get(key, {}) if key == "eval_settings" else row[key] for key in IDENTITY}


def identity_key(row: Mapping[str, Any]) -> str:
    """Return :func:`identity` as text that is equal for equal rows, for use as a dictionary's key."""
    return json.dumps(identity(row), sort_keys=True)


def merge(*sources: Iterable[Row]) -> list[Row]:
    """Put the rows of several runs into one list.

    Args:
        *sources: Rows, for example of several files, the newest last.

    Returns:
        Every identity once, where it stood first, with the figures of its last occurrence.
    """
    found: dict[str, Row] = {}
    for source in sources:
        for row in source:
            found[identity_key(row)] = row
    return list(found.values())


def join_seeds(rows: Sequence[Row]) -> Row:
    """Join rows that differ in nothing but their distillation seeds into one.

    Args:
        rows: At least one row; their seeds do not overlap.

    Returns:
        A row with all seeds in the given order, means and deviations over all values, the seconds of each stage
        summed (as far as they are known), and the cells' accuracies averaged (each row counts by its number of seeds).

    Raises:
        ValueError: The rows differ in another key, or a seed occurs twice.
    """
    first = rows[0]
    seeds = [seed for row in rows for seed in row["distill_seeds"]]
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"distillation seeds occur twice: {seeds}")
    for row in rows[1:]:
        differing = [k for k in IDENTITY if k != "distill_seeds" and identity(row)[k] != identity(first)[k]]
        if differing or row["cell_count"] != first["cell_count"]:
            raise ValueError(f"rows to be joined differ in {', '.join(differing) or 'cell_count'}")
    metrics = {
        name: metric_summary([values for row in rows for values in _values(row, name)]) for name in first["metrics"]
    }
    stages = dict.fromkeys(stage for row in rows for stage in row["seconds"])
    seconds: dict[str, float | None] = {}
    for stage in stages:
        known = [value for row in rows if (value := row["seconds"].get(stage)) is not None]
        seconds[stage] = math.fsum(known) if known else None
    cells = [(row["cell_accuracy"], _sets(row)) for row in rows]
    joined = cast(Row, {**first, "distill_seeds": seeds, "metrics": metrics, "seconds": seconds})
    joined["cell_accuracy"] = _mean_cells(cells)
    return joined


def _values(row: Row, metric: str) -> list[list[float | None]]:
    """Return a metric's values, all None where it does not exist."""
    summary = row["metrics"][metric]
    return summary["values"] if summary else [[None] * row["eval_networks"] for _ in range(_sets(row))]


def _sets(row: Row | dict[str, Any]) -> int:
    """Return the number of training sets of a row: its distilled sets, or the one whole training set."""
    return max(1, len(row["distill_seeds"]))


def _mean_cells(cells: Sequence[tuple[list[list[float | None]] | None, int]]) -> list[list[float | None]] | None:
    """Return the weighted mean of several (class, group) matrices, None where none has a value."""
    matrices = [(matrix, weight) for matrix, weight in cells if matrix is not None]
    if not matrices:
        return None
    result: list[list[float | None]] = []
    for c, line in enumerate(matrices[0][0]):
        means: list[float | None] = []
        for g in range(len(line)):
            found = [(v, w) for matrix, w in matrices if (v := matrix[c][g]) is not None]
            total = sum(w for _, w in found)
            means.append(math.fsum(v * w for v, w in found) / total if found else None)
        result.append(means)
    return result


def write_results(path: str | Path, rows: Sequence[Row]) -> None:
    """Write a ``results.json`` atomically.

    Raises:
        FileFormatError: A row does not have the shape of :class:`Row`.
    """
    document = {"format": FORMAT, "rows": list(rows)}
    validate(document, str(path))
    write_json(path, document)


def read_results(path: str | Path) -> list[Row]:
    """Read and check a ``results.json``.

    Raises:
        DatasetNotFoundError: There is no such file.
        FileFormatError: It is no JSON, of another kind or version, or a row lacks something.
    """
    if not Path(path).is_file():
        raise DatasetNotFoundError(f"results {str(path)!r} do not exist: check the path, or run fdd run first")
    return validate(read_json(path), str(path))


def validate(document: Any, where: str) -> list[Row]:
    """Check a document of results and return its rows.

    Keys beyond those of :class:`Row` are left alone; ``eval_settings`` may be absent and is then empty.

    Args:
        document: What ``results.json`` holds.
        where: What to call it in messages.

    Raises:
        FileFormatError: It is of another kind or version, or a row lacks something.
    """
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise FileFormatError(f"{where} is not a results file (no 'rows'): name a results.json written by fdd")
    if document.get("format") != FORMAT:
        raise FileFormatError(
            f"{where} has format version {document.get('format')!r}, this code reads version {FORMAT}: "
            "use the version of fdd-lightning that wrote it"
        )
    rows = []
    for number, row in enumerate(document["rows"]):
        if isinstance(row, dict) and "eval_settings" not in row:
            row = {**row, "eval_settings": {}}
        problem = _problem(row)
        if problem:
            raise FileFormatError(f"{where}: row {number} {problem}: run the evaluation again")
        rows.append(cast(Row, row))
    return rows


def _problem(row: Any) -> str | None:
    """Say what is wrong with a row, or return None."""
    if not isinstance(row, dict):
        return "is not an object"
    for key, types in _TYPES.items():
        if key not in row:
            return f"lacks {key!r}"
        if not isinstance(row[key], types) or isinstance(row[key], bool):
            return f"has {key!r} of type {type(row[key]).__name__}"
    if not all(value is None or isinstance(value, int | float) for value in row["seconds"].values()):
        return "has 'seconds' that are no numbers"
    return _metric_problem(row)


def _metric_problem(row: dict[str, Any]) -> str | None:
    """Say what is wrong with a row's metrics, or return None."""
    for name in METRICS:
        if name not in row["metrics"]:
            return f"lacks the metric {name!r} (null where it does not exist)"
    for name, summary in row["metrics"].items():
        if summary is None:
            continue
        if not isinstance(summary, dict) or set(summary) != {"mean", "std", "values"}:
            return f"has a metric {name!r} without mean, std and values"
        values = summary["values"] if isinstance(summary["values"], list) else []
        lengths = [len(v) if isinstance(v, list) else -1 for v in values]
        if lengths != [row["eval_networks"]] * _sets(row):
            return f"has a metric {name!r} whose values are not one for each distillation seed and network"
        if not all(isinstance(summary[k], int | float) and math.isfinite(summary[k]) for k in ("mean", "std")):
            return f"has a metric {name!r} whose mean or std is not finite"
    return None
