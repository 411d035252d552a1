"""The results of several runs as those of one: rows know their run, so that equal rows stand side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fdd_lightning.artefacts.results import Row
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.report.comparable_rows import condition
from fdd_lightning.report.own_data import told_apart


def joined(runs: Mapping[Path, RunResults]) -> RunResults:
    """Return what runs have come to, by their folders or files.

    Rows are in the order of data sets and then of what they are about, so that those to be compared stand together; the
    rows of a single run have their own order, and no name of a run.
    """
    rows = told_apart([row for results in _named(runs).values() for row in results])
    if len(runs) > 1:
        rows.sort(key=standing(rows))
    failed = [each for results in runs.values() for each in results.failed]
    missing = sum((each.planned or 0) - len(each.rows) for each in runs.values() if each.state)
    return RunResults(rows, len(rows) + missing, failed)


def standing(rows: Sequence[Row]) -> Callable[[Row], tuple[int, int]]:
    """Return by what rows of several runs are sorted: by data set and then by what they are about, as these appear."""
    data = list(dict.fromkeys(row.dataset for row in rows))
    about = {key: number for number, key in enumerate(dict.fromkeys(map(condition, rows)))}
    return lambda row: (data.index(row.dataset), about[condition(row)])


def _named(runs: Mapping[Path, RunResults]) -> dict[Path, list[Row]]:
    """Return the rows of each run with its name."""
    names = names_of_paths(list(runs)) if len(runs) > 1 else dict.fromkeys(runs, "")
    return {path: [replace(row, run=names[path]) for row in results.rows] for path, results in runs.items()}


def names_of_paths(paths: Sequence[Path]) -> dict[Path, str]:
    """Return for each run as few of its folder's last parts as tell it from the others.

    Example:
        >>> list(names_of_paths([Path("a/x"), Path("b/x/results.json"), Path("b/y")]).values())
        ['a/x', 'b/x', 'y']
    """
    folders = {path: (path.parent if path.name == "results.json" else path).resolve().parts for path in paths}

    def shortest(own: tuple[str, ...]) -> str:
        others = [each for each in folders.values() if each != own]
        length = next((n for n in range(1, len(own)) if all(each[-n:] != own[-n:] for each in others)), len(own))
        return "/".join(own[-length:])

    return {path: shortest(folder) for path, folder in folders.items()}
