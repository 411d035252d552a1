"""What a run ends with: the table in the terminal and as a file, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fdd_lightning.artefacts.results import Row
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.pictures.synthetic_sets import sets_side_by_side
from fdd_lightning.report.figures import Figure, all_figures, draw_all
from fdd_lightning.report.formats import Format
from fdd_lightning.report.formats.md import Markdown
from fdd_lightning.report.judgement import judgements
from fdd_lightning.report.label_free_sentences import label_free_sentences
from fdd_lightning.report.run_differences import run_differences
from fdd_lightning.report.terminal_table import print_content, print_table
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
        written.append(write_format(Markdown(), results, folder))
    if not pictures:
        return written
    (folder / "sets.png").unlink(missing_ok=True)
    if sets:
        shown = {title: (*each.shown(), each.class_names) for title, each in sets.items()}
        written.append(sets_side_by_side(shown, folder / "sets.png"))
    return written + draw_all(drawn, results.rows, folder)


def write_format(chosen: Format, results: RunResults, folder: Path) -> Path:
    """Write results in a format into a folder that exists, whole or not at all, and return the file."""
    path = folder / chosen.file
    with atomic_path(path) as temporary:
        temporary.write_text(chosen.text(results), encoding="utf-8")
    return path


def print_summary(rows: Sequence[Row], *, with_published: bool = False) -> None:
    """Print the table of a run, and in sentences what corrections came to.

    Args:
        rows: Results in the order of the table.
        with_published: Add columns with the papers' figures (``table.md`` always has them).
    """
    if rows:
        print_table(rows, with_published=with_published)
        for title, content in run_differences(rows):
            print(f"\n{title}:\n")
            print_content(content)
        for title, *lines in judgements(rows):
            print(f"{title}:", *lines, sep="\n  ")
        for sentence in label_free_sentences(rows):
            print(sentence)
