"""``fdd report``: table and pictures of finished runs."""

from __future__ import annotations

from pathlib import Path

from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.command_line import LineParser
from fdd_lightning.utils.locks import held
from fdd_lightning.utils.next_step import say_next
from fdd_lightning.utils.outputs import require_output


def report(args: list[str]) -> int:
    """Print one table of several runs, write it with its pictures where ``--output`` says, return the exit code."""
    parser = LineParser(
        prog="fdd report",
        description="Table and pictures of runs, beside the published figures.",
        example="fdd report runs/quickstart",
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs, or their results.json")
    parser.add_argument("--output", default="runs/report", help="folder for table and pictures")
    parser.add_argument(
        "--figures", action="append", default=[], metavar="CLASS", help="class path of a figure of your own"
    )
    options = parser.parse_args(args)
    require_output("--output", options.output)
    runs = {path: RunResults.read(path / "results.json" if path.is_dir() else path) for path in options.runs}
    from fdd_lightning.artefacts.results import merge
    from fdd_lightning.report.own_data import told_apart
    from fdd_lightning.report.summary import print_summary, write_summary  # torch, after what can be refused

    rows = told_apart(merge(*(results.rows for results in runs.values())))
    print_summary(rows, with_published=True)
    for path, results in runs.items():
        if results.state:
            print(f"{path}: {results.state}")
    failed = [each for results in runs.values() for each in results.failed]
    planned = len(rows) + sum((results.planned or 0) - len(results.rows) for results in runs.values() if results.state)
    with held(Path(options.output)):
        for path in write_summary(options.output, RunResults(rows, planned, failed), figures=options.figures):
            print(path)
    say_next("fdd list recipes")
    return 0
