"""Carry a plan out: stage after stage, skipping what is finished."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from fdd_lightning.artefacts.results import Row, join_seeds, read_results, write_results
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import FDDError
from fdd_lightning.report.row_names import names_of
from fdd_lightning.report.summary import summarise
from fdd_lightning.runs.plan import Plan, PlannedRow
from fdd_lightning.runs.stage import Stage
from fdd_lightning.runs.time_estimates import note_rate
from fdd_lightning.stages.stage_run import INSIDE_RUN, run_stage


def execute(plan: Plan) -> Path:
    """Run all that is not finished, then write results, table and pictures.

    Returns:
        The run's ``results.json``.
    """
    console = Console(stderr=True, highlight=False)
    stages = plan.stages()
    for number, stage in enumerate(stages, 1):
        head = f"[{number}/{len(stages)}] {stage.kind} {stage.title}"
        if stage.finished():
            console.print(f"{head}: finished before", style="dim", soft_wrap=True, markup=False)
            continue
        console.print(head, soft_wrap=True, markup=False)
        _carry_out(stage)
        note_rate(stage)
    rows = [_row(planned) for planned in plan.rows]
    results = plan.root / "results.json"
    write_results(results, rows)
    summarise(plan.root, rows, _sets(plan, rows), figures=plan.recipe.figures)
    return results


def _carry_out(stage: Stage) -> None:
    """Run a stage in this process, or as a process of its own where it uses several devices."""
    os.environ[INSIDE_RUN] = "1"
    try:
        devices = stage.config["trainer"]["devices"]
        if devices in (1, "1"):
            run_stage(stage.kind, stage.command)
            return
        # Lightning starts its other processes from the command line: in this one they would run the whole recipe.
        done = subprocess.run([sys.executable, "-m", "fdd_lightning", stage.kind, *stage.command], check=False)
        if done.returncode == 130:
            raise KeyboardInterrupt
        if done.returncode:
            raise FDDError(f"{stage.kind} {stage.title} ended with code {done.returncode}: see the lines above")
    finally:
        os.environ.pop(INSIDE_RUN, None)


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


def _sets(plan: Plan, rows: list[Row]) -> dict[str, SyntheticSet]:
    """Return the first synthetic set of each row that has one, by what tells the rows apart."""
    found: dict[str, SyntheticSet] = {}
    several = [key for key in ("dataset", "conflict_ratio", "ipc") if len({str(getattr(row, key)) for row in rows}) > 1]
    for planned, label in zip(plan.rows, names_of(rows), strict=True):
        made = planned.evaluations[0].inputs.get("synthetic")
        if made is not None:
            more = [f"{key.replace('_', ' ')} {planned.identity[key]}" for key in several]
            found.setdefault(", ".join([label, *more]), SyntheticSet.load(made.artefact))
    return found
