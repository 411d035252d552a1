"""What the folder of a run holds beside its rows: the set behind each row, what it left, and how it was made."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fdd_lightning.artefacts.results import IDENTITY, Identity
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.artefacts.stage_folder import EVOLUTION, RECORD
from fdd_lightning.artefacts.synthetic import SYNTHETIC, SyntheticSet
from fdd_lightning.artefacts.weights import FILE as WEIGHTS_FILE
from fdd_lightning.artefacts.weights import RealWeights
from fdd_lightning.errors import FDDError
from fdd_lightning.report.row_names import hashable
from fdd_lightning.utils.files import read_json

OF_A_SET = ("dataset", "method", "variant", "weighting", "ipc", "conflict_ratio", "settings")
"""Keys of a row that its set has as well."""
COUNTS = ("distill_seeds", "eval_networks", "eval_seeds")
"""Keys of a row that the rows of its single evaluations may have otherwise."""
INPUT = re.compile(r"--(\w+)=(.+)")


@dataclass(frozen=True)
class MadeSet:
    """A synthetic set in its folder.

    Attributes:
        folder: Where it lies.
        facts: Its metadata.

    Example:
        >>> MadeSet(Path("runs/x/distill/y")).evolution
        {}
    """

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)

    def load(self) -> SyntheticSet | None:
        """Return the set, or None where its file cannot be read."""
        with suppress(FDDError, OSError):
            return SyntheticSet.load(self.folder / "synthetic.safetensors")
        return None

    @property
    def weights(self) -> RealWeights | None:
        """Weights of some real images; None where none were kept, or they cannot be read."""
        with suppress(FDDError, OSError):
            return RealWeights.load(self.folder / WEIGHTS_FILE)
        return None

    @property
    def evolution(self) -> dict[int, Path]:
        """Small pictures of it by the step that they are of."""
        found = sorted(self.folder.glob(f"{EVOLUTION}/*.png"))
        return {int(path.stem): path for path in found if path.stem.isdigit()}


class RunFolder:
    """A run, or a single evaluation, as it lies in its folder.

    Args:
        path: The folder, or its ``results.json``.
        results: What it came to.

    Example:
        >>> RunFolder(Path("runs/x"), RunResults([])).sets
        {}
    """

    def __init__(self, path: Path, results: RunResults) -> None:
        self.path = path
        self.folder = path if path.suffix != ".json" else path.parent
        self.results = results

    @classmethod
    def read(cls, path: Path) -> RunFolder:
        """Read a run.

        Raises:
            FDDError: There are no results, or they cannot be read.
        """
        return cls(path, RunResults.read(path / "results.json" if path.is_dir() else path))

    @cached_property
    def sets(self) -> dict[str, MadeSet]:
        """Its synthetic sets, by what they are of and their seed."""
        files = sorted(self.folder.glob("distill/**/synthetic.safetensors"))
        files += [self.place(named) for named in self._inputs(self.folder).values() if named.endswith(".safetensors")]
        found = {}
        for file in files:
            with suppress(FDDError, OSError):
                _, facts = SYNTHETIC.open(file)
                found[_set_key(facts, facts.get("distill_seed", 0))] = MadeSet(file.parent, facts)
        return found

    def set_of(self, row: Identity) -> MadeSet | None:
        """Return the set of a row's first seed; None where it has none, or its file has gone."""
        return self.sets.get(_set_key(vars(row), row.distill_seeds[0])) if row.distill_seeds else None

    @cached_property
    def _evaluations(self) -> dict[str, Path]:
        """The folder of the first evaluation of each row; a run's have ``rows.json``, a single one is the folder."""
        found: dict[str, Path] = {}
        for file in [*sorted(self.folder.glob("eval/**/rows.json")), self.folder / "results.json"]:
            with suppress(FDDError, OSError, KeyError, TypeError, IndexError):
                rows = read_json(file)["rows"]
                if file.name == "rows.json" or (self.folder / RECORD).is_file():
                    seed = (rows[0]["distill_seeds"] or [None])[0]
                    found.setdefault(_row_key(rows[0], seed), file.parent)
        return found

    def commands(self, row: Identity) -> list[str]:
        """Return the commands that lead to a row, inputs first, for its first seed; none where nothing tells."""
        seed = row.distill_seeds[0] if row.distill_seeds else None
        folder = self._evaluations.get(_row_key(vars(row), seed))
        return [] if folder is None else list(dict.fromkeys(self._commands(folder)))

    def _commands(self, folder: Path) -> Iterator[str]:
        for named in self._inputs(folder).values():
            before = self.place(named)
            before = before if (before / RECORD).is_file() else before.parent
            if before != folder and (before / RECORD).is_file():
                yield from self._commands(before)
        record = _record(folder)
        if not record:
            return
        words = record.get("command") or [f"--config={folder / 'config.yaml'}", "--output=again"]
        yield shlex.join(["fdd", record["stage"], *words])

    def _inputs(self, folder: Path) -> dict[str, str]:
        """Return the files and folders that a stage read, by their flags."""
        flags = _record(folder).get("inputs", {})
        if not flags:
            return {}
        words = [INPUT.fullmatch(word) for word in _record(folder).get("command") or ()]
        named = {found[1]: found[2] for found in words if found and found[1] in flags}
        return named or _from_configuration(folder / "config.yaml", flags)

    def place(self, named: str) -> Path:
        """Return where a file lies that a command named: the run may have been moved since, or made elsewhere."""
        path = Path(named)
        parts = path.parts
        inside = (self.folder.joinpath(*parts[n:]) for n in range(1, len(parts)))
        return path if path.exists() else next((each for each in inside if each.exists()), path)


def _record(folder: Path) -> dict[str, Any]:
    with suppress(FDDError, OSError):
        found = read_json(folder / RECORD)
        return found if isinstance(found, dict) else {}
    return {}


def _from_configuration(file: Path, flags: dict[str, str]) -> dict[str, str]:
    """Return what a configuration says of some flags: each stands on a line of its own."""
    with suppress(OSError):
        lines = (line.partition(": ") for line in file.read_text(encoding="utf-8").splitlines())
        return {key: value.strip("'\"") for key, _, value in lines if key in flags}
    return {}


def _set_key(facts: dict[str, Any], seed: int) -> str:
    return json.dumps([hashable({"variant": "published", **facts}.get(key)) for key in OF_A_SET] + [seed])


def _row_key(keys: dict[str, Any], seed: int | None) -> str:
    """Return what a row is of, and one of its seeds, as text."""
    defaults: dict[str, Any] = {"variant": "published", "eval_settings": {}}
    own = {key: keys.get(key, defaults.get(key)) for key in IDENTITY if key not in COUNTS}
    return json.dumps([hashable(own), seed])
