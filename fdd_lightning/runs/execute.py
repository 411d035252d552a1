"""Carry a plan out: stage after stage, skipping what is finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from fdd_lightning.artefacts.results import Identity, Row, join_seeds, read_results
from fdd_lightning.artefacts.run_results import Failure, RunResults
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import FDDError, FileFormatError, WriteError, in_one_line, say
from fdd_lightning.report.row_names import names_of
from fdd_lightning.report.summary import write_summary
from fdd_lightning.runs.plan import Plan, PlannedRow
from fdd_lightning.runs.stage import Stage
from fdd_lightning.runs.time_estimates import note_rate
from fdd_lightning.stages.stage_run import INSIDE_RUN, run_stage
from fdd_lightning.utils.files import sha256_file
from fdd_lightning.utils.stopping import PATIENCE, SIGNALS, Stopped

PICTURES_EVERY = 60.0
"""Seconds between two drawings of the pictures while a run goes on; results and table are written after every row."""


class Execution:
    """A run that is being carried out: which stages are done, which failed, and the results so far.

    Args:
        plan: What is to be done.

    Example:
        >>> from fdd_lightning.runs.recipe import read_recipe
        >>> Execution(Plan(read_recipe("quickstart"), Path("runs/quickstart"))).results().planned
        11
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.done: set[Path] = set()
        self.errors: dict[Path, tuple[str, str]] = {}  # by the folder of each stage that cannot be had: title, error
        self._rows: dict[int, Row] = {}  # by place in the plan
        self._drawn = time.monotonic()

    def run(self) -> RunResults:
        """Run all that is not finished; results, table and pictures are those of the rows so far at any time."""
        self._set_aside()
        console = Console(stderr=True, highlight=False)
        stages, pictures = self.plan.stages(), True
        try:
            for number, stage in enumerate(stages, 1):
                head = f"[{number}/{len(stages)}] {stage.kind} {stage.title}"
                if lacking := self._lacking(stage):
                    console.print(f"{head}: left out, {lacking} failed", soft_wrap=True, markup=False)
                elif stage.finished():
                    console.print(f"{head}: finished before", style="dim", soft_wrap=True, markup=False)
                    self.done.add(stage.folder.path)
                else:
                    console.print(head, soft_wrap=True, markup=False)
                    self._try(stage)
                    if self._gather():
                        self._write(pictures=time.monotonic() - self._drawn > PICTURES_EVERY)
        except (KeyboardInterrupt, WriteError):
            pictures = False  # they take longer than one likes to wait now, and room
            raise
        finally:
            self._gather()
            self._write(pictures=pictures)
        return self.results()

    def results(self) -> RunResults:
        """Return the finished rows and those that failed."""
        failed = []
        for row in self.plan.rows:
            lost = [self.errors[stage.folder.path] for stage in row.stages() if stage.folder.path in self.errors]
            failed += [Failure(row.identity, *lost[0])] if lost else []
        return RunResults([self._rows[place] for place in sorted(self._rows)], len(self.plan.rows), failed)

    def _lacking(self, stage: Stage) -> str:
        """Return the failed stage that a stage would need, and let it fail with it."""
        for before in stage.inputs.values():
            if before.folder.path in self.errors:
                self.errors[stage.folder.path] = self.errors[before.folder.path]
                return self.errors[before.folder.path][0]
        return ""

    def _try(self, stage: Stage) -> None:
        """Run a stage; where it ends with an error of the user's, the others go on."""
        try:
            _carry_out(stage)
        except WriteError:
            raise  # of a full disk the others would die as well
        except (FDDError, OSError) as error:
            line = in_one_line(error)
            if line is None or os.environ.get("FDD_DEBUG"):
                raise
            sys.stderr.write(f"failed: {line}\n")
            self.errors[stage.folder.path] = f"{stage.kind} {stage.title}", line
        else:
            note_rate(stage, self.plan.data_of(stage))
            self.done.add(stage.folder.path)

    def _gather(self) -> bool:
        """Take up the rows whose last stage is done, and tell whether there are any."""
        before = len(self._rows)
        for place, planned in enumerate(self.plan.rows):
            if place not in self._rows and all(stage.folder.path in self.done for stage in planned.stages()):
                self._rows[place] = _row(planned)
        return len(self._rows) > before

    def _set_aside(self) -> None:
        """Give results another name that hold rows of another recipe, or of this one before it was changed."""
        path = self.plan.root / "results.json"
        try:
            rows = RunResults.read(path).rows if path.is_file() else []
        except FileFormatError:
            return  # damaged: written anew
        planned = {Identity(**row.identity).identity_key() for row in self.plan.rows}
        strange = [row for row in rows if row.identity_key() not in planned]
        if strange:
            aside = path.with_name(f"results-{sha256_file(path)[:8]}.json")
            path.rename(aside)
            say(f"{path} held {len(strange)} of {len(rows)} rows that this recipe does not plan: it is now {aside}")

    def _write(self, *, pictures: bool) -> None:
        root, results = self.plan.root, self.results()
        if not results.rows and not results.failed:
            return
        results.write(root / "results.json")
        sets = _sets([self.plan.rows[place] for place in sorted(self._rows)], results.rows) if pictures else {}
        write_summary(root, results, sets, figures=self.plan.recipe.figures, pictures=pictures)
        self._drawn = time.monotonic() if pictures else self._drawn


def _carry_out(stage: Stage) -> None:
    """Run a stage in this process, or as a process of its own where it uses several devices."""
    os.environ[INSIDE_RUN] = "1"
    try:
        devices = stage.config["trainer"]["devices"]
        if devices in (1, "1"):
            run_stage(stage.kind, stage.command)
            return
        # Lightning starts its other processes from the command line: in this one they would run the whole recipe.
        code = _wait_for([sys.executable, "-m", "fdd_lightning", stage.kind, *stage.command])
        for number in SIGNALS:
            if code == Stopped(number).code:
                raise Stopped(number)
        if code:
            raise FDDError(f"{stage.kind} {stage.title} ended with code {code}: see the lines above")
    finally:
        os.environ.pop(INSIDE_RUN, None)


def _wait_for(command: list[str]) -> int:
    """Run a command and return its exit code; a signal to stop is handed on, and the end waited for a little."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    except KeyboardInterrupt as stop:
        if Stopped.of(stop).number != signal.SIGINT:  # Ctrl-C reaches it by itself, and a second one would cut it off
            process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE + 1)
        process.kill()
        raise


def _row(planned: PlannedRow) -> Row:
    """Return a planned row's result: the rows of its evaluations, combined over the distillation seeds."""
    rows = [read_results(stage.folder.path / "rows.json")[0] for stage in planned.evaluations]
    row = join_seeds(rows)
    for path in planned.evaluations[0].config["model"]["init_args"].get("metrics") or ():
        import_class(path)  # the table asks the class for its heading
    seconds: dict[str, float | None] = {"fit": None, "distill": None, "eval": None}
    for stage in planned.stages():
        record = stage.folder.read()
        if record is not None:
            seconds[stage.kind] = round((seconds[stage.kind] or 0.0) + record.seconds, 2)
    row.seconds = seconds
    return row


def _sets(plans: list[PlannedRow], rows: list[Row]) -> dict[str, SyntheticSet]:
    """Return the first synthetic set of each row that has one, by what tells the rows apart."""
    found: dict[str, SyntheticSet] = {}
    several = [key for key in ("dataset", "conflict_ratio", "ipc") if len({str(getattr(row, key)) for row in rows}) > 1]
    for planned, label in zip(plans, names_of(rows), strict=True):
        made = planned.evaluations[0].inputs.get("synthetic")
        if made is not None:
            more = [f"{key.replace('_', ' ')} {planned.identity[key]}" for key in several]
            found.setdefault(", ".join([label, *more]), SyntheticSet.load(made.artefact))
    return found
