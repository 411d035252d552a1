"""All that a report speaks of: the rows of one or several runs, and the folder behind each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fdd_lightning.artefacts.results import Row
from fdd_lightning.artefacts.run_results import Failure
from fdd_lightning.report.figures import Figure
from fdd_lightning.report.own_data import told_apart
from fdd_lightning.report.row_names import names_of
from fdd_lightning.report.run_folders import MadeSet, RunFolder
from fdd_lightning.report.several_runs import names_of_paths, standing

TELLING: dict[str, Callable[[Any], str]] = {
    "dataset": str,
    "conflict_ratio": lambda share: f"{100 * share:g}% conflicting",
    "ipc": lambda number: f"ipc {number}",
    "network": str,
    "preset": lambda name: f"preset {name}",
}
"""Keys that stand in a label where rows differ in them, and how."""


@dataclass(frozen=True)
class Entry:
    """A row of the report.

    Attributes:
        row: The row, its data set's name told from others of that name.
        origin: The row as its run has it.
        run: The run.
        label: A few words that tell it from the others.

    Example:
        >>> from fdd_lightning.artefacts.run_results import RunResults
        >>> Report([RunFolder(Path("runs/x"), RunResults([]))]).entries
        []
    """

    row: Row
    origin: Row
    run: RunFolder
    label: str

    @property
    def made(self) -> MadeSet | None:
        """The synthetic set of its first seed, where it has one that is there."""
        return self.run.set_of(self.origin)


@dataclass(frozen=True)
class Place:
    """Rows of one data set with one share of conflicting images.

    Attributes:
        title: Which these are.
        entries: The rows.
        labels: A few words for each that tell it from the others of its place.

    Example:
        >>> Place("cmnist, 5% bias-conflicting", [], []).entries
        []
    """

    title: str
    entries: Sequence[Entry]
    labels: Sequence[str]


@dataclass(frozen=True)
class Report:
    """What the sections of a page are made of.

    Attributes:
        runs: The runs, in the order in which they were named.
        figures: The figures that were drawn.
        folder: Where these lie.

    Example:
        >>> Report([]).rows
        []
    """

    runs: Sequence[RunFolder]
    figures: Sequence[Figure] = ()
    folder: Path = field(default_factory=Path)

    @cached_property
    def entries(self) -> list[Entry]:
        """Every row of every run, in the order of the table."""
        several = len(self.runs) > 1
        names = names_of_paths([run.path for run in self.runs]) if several else {}
        pairs = [(row, run) for run in self.runs for row in run.results.rows]
        rows = told_apart([replace(row, run=names.get(run.path, "")) for row, run in pairs])
        found = list(zip(rows, pairs, strict=True))
        if several:
            where_it_stands = standing(rows)
            found.sort(key=lambda each: where_it_stands(each[0]))
        labels = labels_of([row for row, _ in found])
        return [Entry(row, origin, run, label) for (row, (origin, run)), label in zip(found, labels, strict=True)]

    @property
    def rows(self) -> list[Row]:
        """Its rows."""
        return [entry.row for entry in self.entries]

    @cached_property
    def places(self) -> list[Place]:
        """Its rows by data set and share of conflicting images, in the order in which these appear."""
        found: dict[tuple[str, float | None], list[Entry]] = {}
        for entry in self.entries:
            found.setdefault((entry.row.dataset, entry.row.conflict_ratio), []).append(entry)
        return [Place(where(own[0].row), own, labels_of([entry.row for entry in own])) for own in found.values()]

    @property
    def failed(self) -> list[Failure]:
        """What could not be finished."""
        return [each for run in self.runs for each in run.results.failed]

    @cached_property
    def unfinished(self) -> list[str]:
        """What is missing of each run of which something is."""
        several = len(self.runs) > 1
        return [(f"{run.path}: " if several else "") + run.results.state for run in self.runs if run.results.state]

    def names(self, entry: Entry) -> tuple[Sequence[str], Sequence[str]]:
        """Return the names of a row's classes and groups: as its set has them, or another of its data; else numbers."""
        cells: list[list[Any]] = entry.row.cell_count or entry.row.cell_accuracy or [[]]
        near = [entry, *(other for other in self.entries if other.origin.dataset == entry.origin.dataset)]
        for each in near:
            facts = each.made.facts if each.made is not None else {}
            found = facts.get("class_names", ()), facts.get("group_names", ())
            if (len(found[0]), len(found[1])) == (len(cells), len(cells[0])):
                return found
        return [f"class {n}" for n in range(len(cells))], [f"group {n}" for n in range(len(cells[0]))]


def where(row: Row) -> str:
    """Return the data set of a row, and how many of its images go against the bias."""
    ratio = "" if row.conflict_ratio is None else f", {100 * row.conflict_ratio:g}% bias-conflicting"
    return f"{row.dataset}{ratio}"


def labels_of(rows: Sequence[Row]) -> list[str]:
    """Return a label for each row: its name, and what tells it from namesakes on other data or of another size."""
    made = [row for row in rows if row.method != "full"]  # it has no images per class
    differ = [key for key in TELLING if len({getattr(row, key) for row in (made if key == "ipc" else rows)}) > 1]
    labels = []
    for row, name in zip(rows, names_of(rows), strict=True):
        values = {key: getattr(row, key) for key in differ}
        told = [TELLING[key](value) for key, value in values.items() if value is not None]
        labels.append(", ".join([name, *told]))
    return labels
