"""``fdd card``: the data card of a synthetic set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fdd_lightning.command_line import LineParser
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FDDError
from fdd_lightning.utils.files import atomic_path
from fdd_lightning.utils.outputs import require_output

if TYPE_CHECKING:
    from fdd_lightning.artefacts.results import Row
    from fdd_lightning.artefacts.synthetic import SyntheticSet

CARD = "README.md"
RESULTS_HELP = (
    "results.json, or the folder of a run or an evaluation (default: those beside the set, above and below it)"
)
ABOVE = 3
"""Folders above a set's in which its run may lie."""


def card(args: list[str]) -> int:
    """Write the card of a set by the arguments after ``fdd card`` and return the exit code."""
    parser = LineParser(
        prog="fdd card",
        description="Write a data card, README.md, beside a synthetic set: where it comes from, what it is for, its "
        "bias as far as it was measured, the licence of its source, how to load it.",
        example="fdd card runs/quickstart/distill/dm-kde-ipc10-seed0/synthetic.safetensors --output card.md",
    )
    parser.add_argument("set", metavar="SET", help="a synthetic.safetensors, or its folder")
    parser.add_argument("--results", metavar="PATH", help=RESULTS_HELP)
    parser.add_argument("--output", metavar="FILE", help=f"the card ({CARD} beside the set)")
    options = parser.parse_args(args)
    file = file_of_set(options.set)
    output = file.with_name(CARD) if options.output is None else Path(options.output)
    require_output("--output", output if options.output is None else options.output, [file], file=True)
    if output.exists():
        raise ConfigError(f"{output} is there already: delete it, or name another file by --output")
    made, rows = read_with_results(file, options.results)
    from fdd_lightning.report.data_card import Layout, data_card

    picture = output.parent.resolve() == file.parent.resolve() and file.with_suffix(".png").name == "synthetic.png"
    text = data_card(made, rows, Layout("set", picture=picture and file.with_suffix(".png").exists()))
    with atomic_path(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"card: {output} ({told(rows)})")
    return 0


def told(rows: list[Row]) -> str:
    """Say how much was measured."""
    measured = {0: "nothing measured yet: fdd eval", 1: "bias of 1 evaluation"}
    return measured.get(len(rows), f"bias of {len(rows)} evaluations")


def file_of_set(path: str) -> Path:
    """Return the file of a set by its own path or that of its folder.

    Raises:
        DatasetNotFoundError: There is none.
    """
    file = Path(path) / "synthetic.safetensors" if path.strip() and Path(path).is_dir() else Path(path)
    if not path.strip() or not file.is_file():
        raise DatasetNotFoundError(
            f"{path!r} is no synthetic set: name a synthetic.safetensors, or the folder it lies in"
        )
    return file


def read_with_results(file: Path, results: str | None) -> tuple[SyntheticSet, list[Row]]:
    """Return a set and what was measured on it.

    Args:
        file: Its file.
        results: Where the results lie; None looks beside the set, above and below it.

    Raises:
        FDDError: The set cannot be read, or the results that were named are none, or of other sets.
    """
    from fdd_lightning.artefacts.run_results import RunResults
    from fdd_lightning.artefacts.synthetic import SyntheticSet
    from fdd_lightning.report.data_card import rows_of

    made = SyntheticSet.load(file, bare=True)
    if results is not None:
        path = Path(results)
        rows = rows_of(made, RunResults.read(path / "results.json" if path.is_dir() else path).rows)
        if not rows:
            raise ConfigError(
                f"--results {path}: none of its rows was measured on {file}: name those of `fdd eval` on it"
            )
        return made, rows
    here = file.resolve().parent
    found: dict[str, Row] = {}
    for place in [
        *(folder / "results.json" for folder in (here, *list(here.parents)[:ABOVE])),
        *here.glob("*/results.json"),
    ]:
        try:
            rows = rows_of(made, RunResults.read(place).rows)
        except FDDError:  # nothing says that they are this set's
            continue
        found |= {row.identity_key(): row for row in rows}
    return made, list(found.values())
