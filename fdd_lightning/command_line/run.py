"""``fdd run``: a recipe, or a folder of one's own images, from data to table."""

from __future__ import annotations

import shlex
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.data_arguments import data_options
from fdd_lightning.configuration import menu
from fdd_lightning.errors import FDDError, say
from fdd_lightning.runs.cluster import Cluster, read_cluster
from fdd_lightning.runs.jobs import number_of_jobs
from fdd_lightning.runs.recipe import is_own_images, read_recipe
from fdd_lightning.utils.files import write_json
from fdd_lightning.utils.locks import held
from fdd_lightning.utils.next_step import say_next
from fdd_lightning.utils.outputs import require_output

if TYPE_CHECKING:
    from fdd_lightning.runs.place import Opened
    from fdd_lightning.runs.plan import Plan


def run(args: list[str]) -> int:
    """Run or show a recipe, by the arguments after ``fdd run``, and return the exit code."""
    parser = LineParser(
        prog="fdd run",
        description="Run a recipe: fit, distill and eval for a grid of choices. Of a folder or table of images a "
        "recipe is made first; arguments of data set `folder` go into it (--data.group sex, ...).",
        example="fdd run quickstart\nfdd run photos/ --data.group sex --dry-run",
    )
    parser.add_argument("recipe", help="a YAML file, a name of configs/recipes, a folder or a table of images")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and run nothing")
    parser.add_argument("--plan", metavar="FILE", help="write the rows to come as a JSON list")
    parser.add_argument(
        "--jobs",
        metavar="N",
        help="how many stages run at once, each with its share of the cores; auto: one on each GPU, or on each core "
        "where there is none (default: 1, with all cores)",
    )
    parser.add_argument(
        "--cluster",
        metavar="FILE",
        help="carry stages out as jobs by submitit: a YAML file of `executor` (slurm, local, debug) and its "
        "`parameters`; --jobs N: so many at once, at most",
    )
    parser.add_argument("--output", help="folder of the run (default: runs/NAME)")
    options, left = parser.parse_known_args(args)
    if not options.recipe.strip():
        parser.error("name a recipe, a folder or a table of images")
    jobs = None if options.jobs is None else number_of_jobs(options.jobs)
    cluster = None if options.cluster is None else read_cluster(options.cluster)
    own = is_own_images(options.recipe)
    if own:
        from fdd_lightning.runs.own_images import WRITTEN, write_own_recipe

        file, told = write_own_recipe(options.recipe, own_options(data_options(parser, left)), options.output)
        options.recipe, options.output = file, str(file.parent)
    elif left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    try:
        recipe = read_recipe(options.recipe)
        from fdd_lightning.runs.plan import Plan  # here and below: what needs torch comes after what can be refused

        plan = Plan(recipe, Path("runs") / recipe.name if options.output is None else Path(options.output))
    except FDDError:
        if own and told.endswith(WRITTEN):  # it would be in the way of the right one
            file.unlink()
            with suppress(OSError):
                file.parent.rmdir()
        raise
    read = [*menu.files_read(), *(path for row in plan.rows for path in row.data.own_paths)]
    require_output("--output", plan.root if options.output is None else options.output, read)
    from fdd_lightning.command_line.plan_table import say_if_long, show
    from fdd_lightning.report.figures import all_figures
    from fdd_lightning.report.judgement import best_row
    from fdd_lightning.report.material import Report
    from fdd_lightning.report.page import write_report
    from fdd_lightning.report.run_folders import RunFolder
    from fdd_lightning.report.sections import all_sections
    from fdd_lightning.report.summary import print_summary
    from fdd_lightning.runs.execute import Execution

    plan.require_buildable()
    figures, sections = all_figures(recipe.figures), all_sections(recipe.sections)
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
        say_next(f"fdd run {shlex.quote(str(options.recipe))}")
        return 0
    for row in plan.rows:
        row.check_data()
    with held(plan.root):
        say_if_long(plan, jobs or 1)
        results = Execution(plan, _place(plan, jobs, cluster)).run()
        page = write_report(plan.root, Report([RunFolder(plan.root, results)], figures, plan.root), sections)
    print_summary(results.rows)
    if own and (found := plan.set_of(best_row(results.rows))) is not None:
        print(f"best on what goes against the bias, to hand over: {found} (sets.png shows all)")
    print(f"page of all that was found, a file to hand on: {page}")
    print(f"results: {plan.root / 'results.json'}" + (f" ({results.state})" if results.state else ""))
    for stage, error in dict.fromkeys((failure.stage, failure.error) for failure in results.failed):
        say(f"failed: {stage}: {error}")
    say_next(f"fdd report {shlex.quote(str(plan.root))}")
    return 1 if results.failed else 0


def _place(plan: Plan, jobs: int | None, cluster: Cluster | None) -> Opened:
    """Return what opens the place where a plan's stages are carried out."""
    from fdd_lightning.runs.carry_out import here

    most = len(plan.stages())
    if cluster is not None:
        from fdd_lightning.runs.on_cluster import on_cluster

        return partial(on_cluster, cluster, jobs and min(jobs, most), plan.root / "jobs")
    if jobs is None or min(jobs, most) == 1:
        return here
    from fdd_lightning.runs.side_by_side import side_by_side

    return partial(side_by_side, min(jobs, most))


def own_options(options: list[str]) -> dict[str, Any]:
    """Return arguments of data set `folder` as a recipe has them, once its class has taken them."""
    from fdd_lightning.command_line.data_by_name import find

    images = find("folder").data(options)
    keys = [option.partition("=")[0].removeprefix("--data.") for option in options]
    values = {key: images.argument(key) for key in keys}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
