"""What a run ends with: the table in the terminal and as a file, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fdd_lightning.artefacts.results import Row
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.pictures.synthetic_sets import sets_side_by_side
from fdd_lightning.report.figures import Figure, all_figures, draw_all
from fdd_lightning.report.judgement import judgements
from fdd_lightning.report.label_free_sentences import label_free_sentences
from fdd_lightning.report.results_table import escaped, markdown, print_table
from fdd_lightning.utils.files import atomic_path


def write_summary(
    folder: str | Path,
    results: RunResults,
    sets: Mapping[str, SyntheticSet] | None = None,
    *,
    figures: Sequence[str | type[Figure]] = (),
    pictures: bool = True,
) -> list[Path]:
    """Write tables and pictures of a run.

    ``table.md`` is written where there are rows to show, ``sets.png`` where there are sets, and of
    :mod:`fdd_lightning.report.figures` what the rows allow. A picture of an earlier run that no longer applies is
    removed.

    Args:
        folder: Where to; made when absent.
        results: Rows in the order of the table; where some are missing, the table says so.
        sets: Synthetic sets by the title of their panel.
        figures: Figures of the user's own, by class or class path, drawn after the built-in ones.
        pictures: Draw them; else those that are there stay.

    Returns:
        The files written.
    """
    drawn = all_figures(figures)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if results.rows:
        state = f"{results.state}\n\n" if results.state else ""
        with atomic_path(folder / "table.md") as temporary:
            judged = [
                "\n".join(["", f"{escaped(title)}:", "", *(f"- {escaped(line)}" for line in lines), ""])
                for title, *lines in judgements(results.rows)
            ]
            temporary.write_text("".join([state, markdown(results.rows), *judged]), encoding="utf-8")
        written.append(folder / "table.md")
    if not pictures:
        return written
    (folder / "sets.png").unlink(missing_ok=True)
    if sets:
        shown = {title: (*each.shown(), each.class_names) for title, each in sets.items()}
        written.append(sets_side_by_side(shown, folder / "sets.png"))
    return written + draw_all(drawn, results.rows, folder)


def print_summary(rows: Sequence[Row], *, with_published: bool = False) -> None:
    """Print the table of a run, and in sentences what corrections came to.

    Args:
        rows: Results in the order of the table.
        with_published: Add a column with the papers' accuracies (``table.md`` always has it).
    """
    if rows:
        print_table(rows, with_published=with_published)
        for title, *lines in judgements(rows):
            print(f"{title}:", *lines, sep="\n  ")
        for sentence in label_free_sentences(rows):
            print(sentence)
