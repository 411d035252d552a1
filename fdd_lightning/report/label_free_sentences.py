"""What the label-free way came to, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from fdd_lightning.artefacts.results import Row

ELSE = ("dataset", "ipc", "conflict_ratio", "network", "train_on", "trainer", "preset", "eval_settings")
"""What rows must have in common to be compared."""


SAID = {
    "none": "no shortcut was found and no correction applied",
    "doubtful": "no group labels were read, and two encoders disagree: do not trust it",
}
"""What is said of a row by its signal."""


def label_free_sentences(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each recommended row that reads no group labels: its figures beside those without it.

    Where the verdict found nothing, the sentence says that no correction was applied; where it doubts, that it does.
    """
    return [
        _sentence(row, rows) for row in rows if row.variant == "recommended" and row.signal and not row.reads_groups
    ]


def _sentence(row: Row, rows: Sequence[Row]) -> str:
    alike = [other for other in rows if all(getattr(other, key) == getattr(row, key) for key in ELSE)]
    beside = {"without it": (row.method, "vanilla"), "drawn images": ("random", row.weighting)}
    found = {name: [other for other in alike if (other.method, other.weighting) == key] for name, key in beside.items()}
    where = f"{row.dataset}, " + (f"{100 * row.conflict_ratio:g}%, " if row.conflict_ratio else "") + f"ipc {row.ipc}"
    how = SAID.get(row.signal or "", "no group labels were read")
    against = [f"{name} {others[0].in_words}" for name, others in found.items() if others]
    told = f" ({', '.join(against)})" if against else ""
    return f"{row.full_method} {row.weighting} ({where}): {row.in_words}{told}; {how}"
