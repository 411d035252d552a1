"""Carry a plan out: each stage once what it reads is there, skipping what is finished."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from fdd_lightning.artefacts.results import Identity, Row, join_seeds, read_results
from fdd_lightning.artefacts.run_results import Failure, RunResults
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import FileFormatError, WriteError, say
from fdd_lightning.report.row_names import names_of
from fdd_lightning.report.summary import write_summary
from fdd_lightning.runs.carry_out import here
from fdd_lightning.runs.place import Opened, Place
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.planned_row import PlannedRow
from fdd_lightning.runs.side_by_side import longest_first
from fdd_lightning.runs.stage import Stage
from fdd_lightning.runs.time_estimates import note_rate
from fdd_lightning.utils.files import sha256_file
from fdd_lightning.utils.progress import Screen

PICTURES_EVERY = 60.0
"""Seconds between two drawings of the pictures while a run goes on; results and table are written after every row."""


class Execution:
    """A run that is being carried out: which stages are done, which failed, and the results so far.

    Args:
        plan: What is to be done.
        opened: Opens the place where stages are carried out.

    Example:
        >>> from fdd_lightning.runs.recipe import read_recipe
        >>> Execution(Plan(read_recipe("quickstart"), Path("runs/quickstart"))).results().planned
        11
    """

    def __init__(self, plan: Plan, opened: Opened = here) -> None:
        self.plan = plan
        self.opened = opened
        stages = plan.stages()
        self.done: set[Path] = set()
        self.errors: dict[Path, tuple[str, str]] = {}  # by the folder of each stage that cannot be had: title, error
        self.screen = Screen(several=True)
        self._heads = {s.folder.path: f"[{n}/{len(stages)}] {s.kind} {s.title}" for n, s in enumerate(stages, 1)}
        self._rows: dict[int, Row] = {}  # by place in the plan
        self._drawn = time.monotonic()

    def run(self) -> RunResults:
        """Run all that is not finished; results, table and pictures are those of the rows so far at any time."""
        self._set_aside()
        pictures = True
        try:
            with self.opened(self.screen) as place:
                self._run_all(place, longest_first(self.plan) if place.several else self.plan.stages())
        except (KeyboardInterrupt, WriteError):
            pictures = False  # they take longer than one likes to wait now, and room
            raise
        finally:
            self._gather()
            self._write(pictures=pictures)
        return self.results()

    def _run_all(self, place: Place, waiting: list[Stage]) -> None:
        """Let all stages run in a place, each once its inputs are there; inputs stand before what reads them."""
        while waiting or place.running:
            for stage in list(waiting):
                if any(self._is_open(before) for before in stage.inputs.values()):
                    continue
                if not place.has_room(stage):
                    break
                waiting.remove(stage)
                self._begin(stage, place)
            if place.several:
                self.screen.count("all stages", len(self.done) + len(self.errors), len(self._heads))
            for stage, error in place.outcomes():
                self._settle(stage, error)

    def _is_open(self, stage: Stage) -> bool:
        """Tell whether a stage has still to run, or is running."""
        return stage.folder.path not in self.done and stage.folder.path not in self.errors

    def _begin(self, stage: Stage, place: Place) -> None:
        """Let a stage run whose inputs are there, unless it is finished or one of them failed."""
        head = self._heads[stage.folder.path]
        if lacking := self._lacking(stage):
            self.screen.say(f"{head}: left out, {lacking} failed")
        elif stage.finished():
            self.screen.say(f"{head}: finished before", style="dim")
            self.done.add(stage.folder.path)
        else:
            self.screen.say(head)
            place.start(stage, head)

    def _settle(self, stage: Stage, error: str) -> None:
        """Note that a stage has ended, and bring results and table up to date."""
        if error:
            self.screen.say(f"{self._heads[stage.folder.path]}: failed: {error}")
            self.errors[stage.folder.path] = f"{stage.kind} {stage.title}", error
            return
        note_rate(stage, self.plan.data_of(stage))
        self.done.add(stage.folder.path)
        if self._gather():
            self._write(pictures=time.monotonic() - self._drawn > PICTURES_EVERY)

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


def _row(planned: PlannedRow) -> Row:
    """Return a planned row's result: the rows of its evaluations, combined over both kinds of seed."""
    seeded = planned.identity["eval_seeds"] is not None
    rows = []
    for stage in planned.evaluations:
        (found,) = read_results(stage.folder.path / "rows.json")
        # A set of one seed says that seed of what was fitted for it; the row, that each had its own.
        own = [stage.config["model"]["init_args"]["seed"]] if seeded else None
        rows.append(replace(found, settings=planned.identity["settings"], eval_seeds=own))
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
