"""``fdd run``: a recipe from data to table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.io import write_json
from fdd_lightning.runs.execute import execute
from fdd_lightning.runs.plan import Plan, Stage
from fdd_lightning.runs.rates import estimate
from fdd_lightning.runs.recipe import read_recipe


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"fdd run: {message}")


def run(args: list[str]) -> int:
    """Run or show a recipe.

    Args:
        args: The arguments after ``fdd run``.

    Returns:
        The exit code.
    """
    parser = _Parser(prog="fdd run", description="Run a recipe: fit, distill and eval for a grid of choices.")
    parser.add_argument("recipe", help="a YAML file, or a name of configs/recipes")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and run nothing")
    parser.add_argument("--plan", type=Path, metavar="FILE", help="write the rows to come as a JSON list")
    parser.add_argument("--output", type=Path, help="folder of the run (default: runs/NAME)")
    options = parser.parse_args(args)
    recipe = read_recipe(options.recipe)
    plan = Plan(recipe, options.output or Path("runs") / recipe.name)
    if options.plan is not None:
        write_json(options.plan, [cell.identity for cell in plan.cells])
    if options.dry_run:
        show(plan)
        return 0
    for cell in plan.cells:
        if cell.data.missing is not None:
            raise DatasetNotFoundError(cell.data.missing)
    results = execute(plan)
    print(f"results: {results}")
    return 0


def show(plan: Plan) -> None:
    """Print the plan: each row, how far it is, and how long it will take where that is known."""
    table = Table(title=f"{plan.recipe.name}: {len(plan.cells)} rows, {len(plan.stages())} stages")
    for name in ("data", "method", "weighting", "variant", "ipc", "network", "trainer", "sets", "state", "time"):
        table.add_column(name, overflow="fold")
    shared = set.intersection(*({f"{k}={v}" for k, v in c.identity["settings"].items()} for c in plan.cells))
    counted: set[Path] = set()
    unknown = False
    total = 0.0
    for cell in plan.cells:
        identity = cell.identity
        todo = [s for s in cell.stages() if not s.finished()]
        fresh = [s for s in todo if s.folder.path not in counted]
        counted |= {s.folder.path for s in fresh}
        times = [estimate(s) for s in fresh]
        known = sum(t for t in times if t is not None)
        total += known
        unknown = unknown or None in times
        variant = [f"{k}={v}" for k, v in identity["settings"].items() if f"{k}={v}" not in shared]
        data = identity["dataset"] + ("" if cell.data.missing is None else " (missing)")
        time = "" if not fresh else seconds(known) + ("+?" if None in times else "")
        table.add_row(
            data, identity["method"], identity["weighting"], " ".join(variant), str(identity["ipc"] or "all"),
            identity["network"], identity["trainer"], str(len(cell.evaluations)), state(todo, cell.stages()), time,
        )  # fmt: skip
    console = Console()
    console.print(table)
    if shared:
        console.print(f"all rows: {', '.join(sorted(shared))}", soft_wrap=True, markup=False)
    left = f"{seconds(total)} left" if total or not unknown else "time unknown"
    more = ", without the stages marked ?, which were never timed here" if unknown else ""
    console.print(left + more, soft_wrap=True, markup=False)
    for cell in {c.data.name: c for c in plan.cells}.values():
        if cell.data.missing is not None:
            console.print(f"missing: {cell.data.missing}", soft_wrap=True, markup=False)


def state(todo: list[Stage], stages: list[Stage]) -> str:
    """Return how far a row is, in a word or two."""
    if not todo:
        return "finished"
    begun = next((stage for stage in todo if stage.begun()), None)
    if begun is not None:
        return f"in {begun.kind}"
    return "to do" if len(todo) == len(stages) else f"{len(stages) - len(todo)} of {len(stages)} done"


def seconds(value: float) -> str:
    """Return a duration for people."""
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
