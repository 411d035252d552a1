"""The ``results.json`` of a run: the rows that are finished, and how many there will be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from fdd_lightning.artefacts.results import FORMAT, Row, parse_results, read_results
from fdd_lightning.errors import FileFormatError
from fdd_lightning.utils.files import read_json, write_json
from fdd_lightning.utils.plain_text import cleaned
from fdd_lightning.utils.typed_json import misfits


@dataclass(frozen=True)
class Failure:
    """A row that could not be finished.

    Attributes:
        identity: The keys of the row's identity.
        stage: The stage that failed, by its title.
        error: Why, in a line.

    Example:
        >>> Failure({"method": "dm"}, "distill dm", "the images are not finite").stage
        'distill dm'
    """

    identity: Mapping[str, Any]
    stage: str
    error: str


class _Failure(TypedDict):
    """One of the failed rows, as the file holds it."""

    identity: dict[str, Any]
    stage: str
    error: str


class _Document(TypedDict, total=False):
    """What a file holds beside its rows."""

    planned: int | None
    failed: list[_Failure]


@dataclass(frozen=True)
class RunResults:
    """What a run has come to so far.

    Attributes:
        rows: The finished rows, in the order of the plan; what did not finish never stands among them.
        planned: How many there will be; None in files of older releases and of single evaluations.
        failed: Those that could not be finished.

    Example:
        >>> RunResults([], planned=5).state
        '0 of 5 rows'
    """

    rows: list[Row]
    planned: int | None = None
    failed: list[Failure] = field(default_factory=list)

    @property
    def state(self) -> str:
        """How many rows are finished, where some are not; else empty."""
        if self.planned in (None, len(self.rows)):
            return ""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"{len(self.rows)} of {self.planned} rows{failed}"

    def write(self, path: str | Path) -> None:
        """Write the file atomically.

        Raises:
            FileFormatError: A row could not be read again.
        """
        rows, failed = [row.to_json() for row in self.rows], [asdict(each) for each in self.failed]
        document = {"format": FORMAT, "planned": self.planned, "failed": failed, "rows": rows}
        parse_results(document, str(path))
        write_json(path, document)

    @classmethod
    def read(cls, path: str | Path) -> RunResults:
        """Read and check the file, also that of a single evaluation; see :func:`read_results`."""
        rows, document = read_results(path), cleaned(read_json(path))
        for name, problem in misfits(document, _Document, str(path)):
            raise FileFormatError(f"{name} is {problem}: run the same command again")
        failed = [Failure(each["identity"], each["stage"], each["error"]) for each in document.get("failed", ())]
        return cls(rows, document.get("planned"), failed)
