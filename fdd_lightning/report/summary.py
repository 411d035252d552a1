"""What a run ends with: the table in the terminal and as a file, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fdd_lightning.artefacts.results import Row
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.pictures.synthetic_sets import sets_side_by_side
from fdd_lightning.report.figures import Figure, all_figures, draw_all
from fdd_lightning.report.label_free_sentences import label_free_sentences
from fdd_lightning.report.results_table import markdown, print_table
from fdd_lightning.utils.files import atomic_path


def summarise(
    folder: str | Path,
    rows: Sequence[Row],
    sets: Mapping[str, SyntheticSet] | None = None,
    *,
    with_published: bool = False,
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
        figures: Figures of the user's own, by class or class path, drawn after the built-in ones.

    Returns:
        The files written.
    """
    drawn = all_figures(figures)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if rows:
        print_table(rows, with_published=with_published)
        for sentence in label_free_sentences(rows):
            print(sentence)
        with atomic_path(folder / "table.md") as temporary:
            temporary.write_text(markdown(rows), encoding="utf-8")
        written.append(folder / "table.md")
    (folder / "sets.png").unlink(missing_ok=True)
    if sets:
        shown = {title: (*each.shown(), each.class_names) for title, each in sets.items()}
        written.append(sets_side_by_side(shown, folder / "sets.png"))
    return written + draw_all(drawn, rows, folder)
