"""What a run ends with: the table in the terminal and as a file, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from fdd_lightning.io import atomic_path
from fdd_lightning.report.figures import accuracy_against_deo, accuracy_against_ipc, sets_side_by_side
from fdd_lightning.report.results import Row
from fdd_lightning.report.table import markdown, print_table
from fdd_lightning.synthetic import SyntheticSet


def summarise(
    folder: str | Path,
    rows: Sequence[Row],
    sets: Mapping[str, SyntheticSet] | None = None,
    *,
    with_published: bool = False,
    title: str | None = None,
    console: Console | None = None,
) -> list[Path]:
    """Write tables and pictures of a run and print its table.

    ``table.md`` and ``accuracy_deo.png`` are written where there are rows to show, ``sets.png`` where there are sets,
    ``accuracy_ipc.png`` where rows have two or more numbers of images per class. A picture of an earlier run that no
    longer applies is removed.

    Args:
        folder: Where to; made when absent.
        rows: Results in the order of the table.
        sets: Synthetic sets by the title of their panel.
        with_published: Add a column with the papers' accuracies to the printed table (``table.md`` always has it).
        title: A line above the printed table.
        console: Where the table is printed; None is standard output.

    Returns:
        The files written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if rows:
        print_table(rows, with_published=with_published, title=title, console=console)
        with atomic_path(folder / "table.md") as temporary:
            temporary.write_text(markdown(rows), encoding="utf-8")
        written.append(folder / "table.md")
    pictures = {
        "sets.png": sets_side_by_side(sets or {}, folder / "sets.png"),
        "accuracy_deo.png": accuracy_against_deo(rows, folder / "accuracy_deo.png"),
        "accuracy_ipc.png": accuracy_against_ipc(rows, folder / "accuracy_ipc.png"),
    }
    for name, path in pictures.items():
        if path is None:
            (folder / name).unlink(missing_ok=True)
        else:
            written.append(path)
    return written
