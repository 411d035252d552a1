"""What a run ends with: the table in the terminal and as a file, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from fdd_lightning.artefacts.results import Row
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.pictures.synthetic_sets import sets_side_by_side
from fdd_lightning.report.figures import Figure, all_figures, draw_all
from fdd_lightning.report.results_table import markdown, print_table
from fdd_lightning.utils.files import atomic_path


def summarise(
    folder: str | Path,
    rows: Sequence[Row],
    sets: Mapping[str, SyntheticSet] | None = None,
    *,
    with_published: bool = False,
    title: str | None = None,
    console: Console | None = None,
    figures: Sequence[str | type[Figure]] = (),
) -> list[Path]:
    """Write tables and pictures of a run and print its table.

    ``table.md`` is written where there are rows to show, ``sets.png`` where there are sets, and of
    :mod:`fdd_lightning.report.figures` what the rows allow. A picture of an earlier run that no longer applies is
    removed.

    Args:
        folder: Where to; made when absent.
        rows: Results in the order of the table.
        sets: Synthetic sets by the title of their panel.
        with_published: Add a column with the papers' accuracies to the printed table (``table.md`` always has it).
        title: A line above the printed table.
        console: Where the table is printed; None is standard output.
        figures: Figures of the user's own, by class or class path, drawn after the built-in ones.

    Returns:
        The files written.
    """
    drawn = all_figures(figures)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if rows:
        print_table(rows, with_published=with_published, title=title, console=console)
        with atomic_path(folder / "table.md") as temporary:
            temporary.write_text(markdown(rows), encoding="utf-8")
        written.append(folder / "table.md")
    beside = sets_side_by_side(sets or {}, folder / "sets.png")
    if beside is None:
        (folder / "sets.png").unlink(missing_ok=True)
    else:
        written.append(beside)
    return written + draw_all(drawn, rows, folder)
