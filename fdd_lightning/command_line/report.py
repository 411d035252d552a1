"""``fdd report``: table and pictures of finished runs."""

from __future__ import annotations

import sys
from pathlib import Path

from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.command_line import LineParser
from fdd_lightning.errors import say
from fdd_lightning.utils.locks import held
from fdd_lightning.utils.next_step import say_next
from fdd_lightning.utils.outputs import require_output

OUTPUT = "runs/report"


def report(args: list[str]) -> int:
    """Print one table of several runs, write it, its pictures and one page where ``--output`` says."""
    parser = LineParser(
        prog="fdd report",
        description="Table, pictures and one HTML page of runs, beside the published figures; of several runs, how "
        "their equal rows differ from the first one's.",
        example="fdd report runs/quickstart",
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or their results.json")
    parser.add_argument("--output", help=f"folder for table, pictures and page (default: {OUTPUT})")
    parser.add_argument(
        "--format",
        metavar="NAME",
        help="the table alone, printed, or written where --output says: md, csv (every figure), latex, or the class "
        "path of a format of your own",
    )
    parser.add_argument(
        "--figures", action="append", default=[], metavar="CLASS", help="class path of a figure of your own"
    )
    parser.add_argument(
        "--sections", action="append", default=[], metavar="CLASS", help="class path of a section of your own"
    )
    options = parser.parse_args(args)
    output = Path(OUTPUT if options.output is None else options.output)
    if options.format is None or options.output is not None:
        require_output("--output", str(output) if options.output is None else options.output)
    files = {path: path / "results.json" if path.is_dir() else path for path in options.runs}
    once = {file.resolve(): path for path, file in files.items()}.values()
    runs = {path: RunResults.read(files[path]) for path in once}
    from fdd_lightning.report.figures import all_figures
    from fdd_lightning.report.formats import find
    from fdd_lightning.report.material import Report
    from fdd_lightning.report.page import write_report
    from fdd_lightning.report.run_folders import RunFolder
    from fdd_lightning.report.sections import all_sections
    from fdd_lightning.report.several_runs import joined
    from fdd_lightning.report.summary import print_summary, write_format, write_summary  # torch, after refusals

    chosen = None if options.format is None else find(options.format)
    results = joined(runs)
    states = [f"{path}: {each.state}" for path, each in runs.items() if each.state]
    if chosen is None:
        figures, sections = all_figures(options.figures), all_sections(options.sections)
        print_summary(results.rows, with_published=True)
        print(*states, sep="\n", end="\n" if states else "")
        with held(output):
            for path in write_summary(output, results, figures=options.figures):
                print(path)
            folders = [RunFolder(path, own) for path, own in runs.items()]
            print(write_report(output, Report(folders, figures, output), sections))
        say_next("fdd list recipes")
        return 0
    for state in states:
        say(state)
    if options.output is None:
        sys.stdout.write(chosen.text(results))
    else:
        with held(output):
            print(write_format(chosen, results, output))
    return 0
