"""How to make each number again."""

from __future__ import annotations

from fdd_lightning.__about__ import __version__
from fdd_lightning.pages.parts import Code, Fold, Part, Text
from fdd_lightning.report.material import Entry, Report
from fdd_lightning.report.sections import Section
from fdd_lightning.report.words import listed


class Commands(Section):
    """The commands that lead to each row, for its first seed.

    Example:
        >>> Commands().parts(Report([]))
        []
    """

    title = "How to make each number again"
    place = 140

    def parts(self, report: Report) -> list[Part]:
        """Return a fold for each row, in one of its own where there are many."""
        if not report.rows:
            return []
        found = [(entry, entry.run.commands(entry.origin)) for entry in report.entries]
        told = (
            f"Given in an empty folder, in this order, by fdd-lightning {__version__} on the same data; equal machines "
            "give equal numbers."
        )
        parts: list[Part] = [Text(told)]
        parts += [Fold(entry.label, [Code(lines), *_seeds(entry)]) for entry, lines in found if lines]
        lost = [entry.label for entry, lines in found if not lines]
        if lost:
            names = listed(lost[:6]) + (f" and {len(lost) - 6} more" if len(lost) > 6 else "")
            parts.append(Text(f"The folders of {names} are not there, so their commands are not known.", "note"))
        return parts if len(lost) < len(found) else parts[1:]


def _seeds(entry: Entry) -> list[Part]:
    """Say what of the commands differs for the other seeds of a row."""
    others = [str(seed) for seed in entry.origin.distill_seeds[1:]]
    if not others:
        return []
    said = f"Its other sets, of seed {listed(others)}: the same with --model.seed and with folders of their own."
    return [Text(said, "note")]
