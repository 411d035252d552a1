"""A plan for people: what a run will do, how far it is, how long it will take."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdd_lightning.artefacts.results import Identity
from fdd_lightning.errors import say
from fdd_lightning.report.row_names import describe, shared_settings, variants
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.stage import Stage
from fdd_lightning.runs.time_estimates import estimate

LONG = 3600.0
"""Seconds above which a run says before it starts how long it will take."""


def say_if_long(plan: Plan, jobs: int) -> None:
    """Say how long the run will take before it starts, where that is over an hour or cannot be told."""
    seconds, unknown = plan.time_left()
    if seconds > LONG or unknown:
        told = [f"about {duration(seconds)}{f' of work, {jobs} stages at once' if jobs > 1 else ''}"] if seconds else []
        if unknown:
            some = f"{len(unknown)} stages" if len(unknown) > 1 else "a stage"
            told.append(f"{some} whose time cannot be told ({unknown[0].kind} {unknown[0].title})")
        say(f"left: {' and '.join(told)}; Ctrl-C stops it, the same command goes on")


def show(plan: Plan) -> None:
    """Print the plan: each row, how far it is, and how long it will take where that is known."""
    rows = [Identity(**row.identity) for row in plan.rows]
    columns = ("dataset", "conflict_ratio", "method", "weighting", "variant", "ipc", "network", "trainer")
    lines = [
        {
            **{key: str(value) for key, value in row.identity().items()},
            "method": row.full_method,
            "variant": variant,
            "ipc": str(row.ipc or "all"),
        }
        for row, variant in zip(rows, variants(rows), strict=True)
    ]
    told = [key for key in columns if key in ("method", "weighting") or len({line[key] for line in lines}) > 1]
    table = Table(title=Text(f"{plan.recipe.name}: {len(plan.rows)} rows, {len(plan.stages())} stages"))
    for name in (*told, "state", "time"):
        table.add_column(name, overflow="fold")
    counted: set[Path] = set()
    total, unknown = 0.0, False
    for row, line in zip(plan.rows, lines, strict=True):
        todo = [stage for stage in row.stages() if not stage.finished()]
        fresh = [stage for stage in todo if stage.folder.path not in counted]
        counted |= {stage.folder.path for stage in fresh}
        times = [estimate(stage, row.data) for stage in fresh]
        known = sum(t for t in times if t is not None)
        total, unknown = total + known, unknown or None in times
        time = duration(known) if known else ""
        how_far = state(todo, row.stages()) + (" (data missing)" if row.data.missing else "")
        table.add_row(*(line[key] for key in told), how_far, time + ("?" if None in times else ""))
    console = Console(markup=False)
    console.print(table)
    shared = [
        f"{key.replace('_', ' ')} {lines[0][key]}"
        for key in columns
        if key not in told and lines[0][key] not in ("", "None")
    ]
    shared += [f"{method}: {describe(own)}" for method, own in shared_settings(rows).items() if own]
    console.print("; ".join(shared), soft_wrap=True, markup=False, highlight=False)
    left = [f"about {duration(total)}"] if total else []
    left += ["the stages marked ?, whose time cannot be told"] if unknown else []
    if left:
        console.print(f"left: {' and '.join(left)}", soft_wrap=True, highlight=False)
    for missing in dict.fromkeys(row.data.missing for row in plan.rows):
        if missing is not None:
            console.print(f"missing: {missing}", soft_wrap=True, markup=False, highlight=False)


def state(todo: list[Stage], stages: list[Stage]) -> str:
    """Return how far a row is, in a word or two."""
    if not todo:
        return "finished"
    begun = next((stage for stage in todo if stage.begun()), None)
    if begun is not None:
        return f"in {begun.kind}"
    return "to do" if len(todo) == len(stages) else f"{len(stages) - len(todo)} of {len(stages)} done"


def duration(value: float) -> str:
    """Return a duration for people."""
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
