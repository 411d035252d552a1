"""What is doubtful about finished rows, and what did not finish."""

from __future__ import annotations

from fdd_lightning.artefacts.doubts import MEANING
from fdd_lightning.pages.parts import Bullets, Part, Table, Text
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import Section

MOST_NAMED = 6
"""Rows that a doubt names."""


class Doubts(Section):
    """Warnings of rows, and rows that failed, with the reason.

    Example:
        >>> Doubts().parts(Report([]))
        []
    """

    title = "Doubts and failures"
    place = 40

    def parts(self, report: Report) -> list[Part]:
        """Return a sentence for each kind of doubt, and a table of what failed."""
        doubts: dict[str, list[str]] = {}
        for entry in report.entries:
            for word in entry.row.warnings:
                doubts.setdefault(word, []).append(entry.label)
        told = []
        for word, labels in doubts.items():
            more = f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else ""
            told.append(f"{word} ({', '.join(labels[:MOST_NAMED])}{more}): {MEANING.get(word, 'see the run')}")
        parts: list[Part] = [Bullets(told)] if told else []
        if report.failed:
            lines = [[_what(dict(each.identity)), each.stage, each.error] for each in report.failed]
            heads = ["row", "stage", "why"]
            parts.append(Table(heads, lines, "Rows that failed, which stand nowhere else", numbers=[False] * 3))
            parts.append(
                Text("The same command again tries them once more; what is finished is not done again.", "note")
            )
        return parts


def _what(identity: dict[str, object]) -> str:
    ipc = identity.get("ipc")
    words = [identity.get("dataset"), identity.get("method"), identity.get("weighting"), ipc and f"ipc {ipc}"]
    return ", ".join(str(word) for word in words if word) or "a row"
