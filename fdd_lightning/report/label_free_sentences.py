"""What the label-free way came to, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.judgement import alike, uncorrected

SAID = {
    "none": "no shortcut was found and no correction applied",
    "doubtful": "no group labels were read, and two encoders disagree: do not trust it",
}
"""What is said of a row by its signal."""


def label_free_sentences(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each recommended row that reads no group labels: its figures beside those without it.

    Where the verdict found nothing, the sentence says that no correction was applied; where it doubts, that it does.
    Rows that are judged beside uncorrected ones of their own method have their sentence there.
    """
    label_free = (row for row in rows if row.variant == "recommended" and row.signal and not row.reads_groups)
    return [_sentence(row, rows) for row in label_free if uncorrected(row, rows) is None]


def _sentence(row: Row, rows: Sequence[Row]) -> str:
    found = {
        "without it": alike(row, rows, method=row.method, weighting="vanilla"),
        "drawn images": alike(row, rows, method="random", weighting=row.weighting),
    }
    where = f"{row.dataset}, " + (f"{100 * row.conflict_ratio:g}%, " if row.conflict_ratio else "") + f"ipc {row.ipc}"
    where += f", {row.run}" if row.run else ""
    how = SAID.get(row.signal or "", "no group labels were read")
    against = [f"{name} {other.in_words}" for name, other in found.items() if other is not None]
    told = f" ({', '.join(against)})" if against else ""
    return f"{row.full_method} {row.weighting} ({where}): {row.in_words}{told}; {how}"
