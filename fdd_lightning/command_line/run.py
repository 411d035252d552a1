"""``fdd run``: a recipe, or a folder of one's own images, from data to table."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdd_lightning.artefacts.results import Identity
from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.data_arguments import data_options
from fdd_lightning.command_line.data_by_name import find
from fdd_lightning.configuration import menu
from fdd_lightning.errors import FDDError, say
from fdd_lightning.report.figures import all_figures
from fdd_lightning.report.judgement import best_row
from fdd_lightning.report.row_names import describe, shared_settings, variants
from fdd_lightning.report.summary import print_summary
from fdd_lightning.runs.execute import Execution
from fdd_lightning.runs.jobs import number_of_jobs
from fdd_lightning.runs.own_images import WRITTEN, is_own_images, write_own_recipe
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from fdd_lightning.runs.stage import Stage
from fdd_lightning.runs.time_estimates import estimate
from fdd_lightning.utils.files import write_json
from fdd_lightning.utils.locks import held
from fdd_lightning.utils.outputs import require_output

LONG = 3600.0
"""Seconds above which a run says before it starts how long it will take."""


def run(args: list[str]) -> int:
    """Run or show a recipe, by the arguments after ``fdd run``, and return the exit code."""
    parser = LineParser(
        prog="fdd run",
        description="Run a recipe: fit, distill and eval for a grid of choices. Of a folder or table of images a "
        "recipe is made first; arguments of data set `folder` go into it (--data.group sex, ...).",
    )
    parser.add_argument("recipe", help="a YAML file, a name of configs/recipes, a folder or a table of images")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and run nothing")
    parser.add_argument("--plan", metavar="FILE", help="write the rows to come as a JSON list")
    parser.add_argument(
        "--jobs",
        metavar="N",
        default="1",
        help="how many stages run at once, each with its share of the cores; auto: one on each GPU, or on each core "
        "where there is none (default: 1, with all cores)",
    )
    parser.add_argument("--output", help="folder of the run (default: runs/NAME)")
    options, left = parser.parse_known_args(args)
    if not options.recipe.strip():
        parser.error("name a recipe, a folder or a table of images")
    jobs = number_of_jobs(options.jobs)
    own = is_own_images(options.recipe)
    if own:
        file, told = write_own_recipe(options.recipe, own_options(data_options(parser, left)), options.output)
        options.recipe, options.output = file, str(file.parent)
    elif left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    try:
        recipe = read_recipe(options.recipe)
        plan = Plan(recipe, Path("runs") / recipe.name if options.output is None else Path(options.output))
    except FDDError:
        if own and told.endswith(WRITTEN):  # it would be in the way of the right one
            file.unlink()
            with suppress(OSError):
                file.parent.rmdir()
        raise
    read = [*menu.files_read(), *(path for row in plan.rows for path in row.data.own_paths)]
    require_output("--output", plan.root if options.output is None else options.output, read)
    plan.require_buildable()
    all_figures(recipe.figures)
    for row in plan.rows:
        if row.data.missing is None:
            row.check_data(built=False)
    if options.plan is not None:
        require_output("--plan", options.plan, [*read, plan.root / "results.json"], file=True)
        write_json(options.plan, [row.identity for row in plan.rows])
    if own:
        print(told)
    for note in plan.notes.values():
        say(note)
    if options.dry_run:
        show(plan)
        return 0
    for row in plan.rows:
        row.check_data()
    with held(plan.root):
        say_if_long(plan, jobs)
        results = Execution(plan, jobs).run()
    print_summary(results.rows)
    if own and (found := plan.set_of(best_row(results.rows))) is not None:
        print(f"best on what goes against the bias, to hand over: {found} (sets.png shows all)")
    print(f"results: {plan.root / 'results.json'}" + (f" ({results.state})" if results.state else ""))
    for stage, error in dict.fromkeys((failure.stage, failure.error) for failure in results.failed):
        say(f"failed: {stage}: {error}")
    return 1 if results.failed else 0


def own_options(options: list[str]) -> dict[str, Any]:
    """Return arguments of data set `folder` as a recipe has them, once its class has taken them."""
    images = find("folder").data(options)
    keys = [option.partition("=")[0].removeprefix("--data.") for option in options]
    values = {key: images.argument(key) for key in keys}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


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
