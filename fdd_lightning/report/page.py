"""``report.html``: the one page of one or several runs, which can be handed on by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fdd_lightning.__about__ import __version__
from fdd_lightning.pages.page import Block, page, write_page
from fdd_lightning.pages.parts import Bullets
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import LeftOut, Section
from fdd_lightning.report.words import listed

FILE = "report.html"


def report_page(report: Report, sections: Sequence[Section]) -> str:
    """Return the page; at its end it says of which sections there is nothing to show, and why.

    Example:
        >>> from fdd_lightning.report.sections import all_sections
        >>> "No row is finished yet." in report_page(Report([]), all_sections())
        True
    """
    found = [(section.title, parts) for section in sections if (parts := section.parts(report))]
    left = [(title, parts[0].words) for title, parts in found if isinstance(parts[0], LeftOut)]
    blocks = [Block(title, parts) for title, parts in found if not isinstance(parts[0], LeftOut)]
    if left:
        blocks.append(Block("What is left out", [Bullets([f"{title}: {why}" for title, why in left])]))
    data = list(dict.fromkeys(row.dataset for row in report.rows))
    names = listed([run.folder.resolve().name for run in report.runs][:3])
    title = f"{names}: report" if names else "Report"
    about = f"{listed(data)}. " if data else ""
    return page(title, blocks, foot=f"{about}Written by fdd report, fdd-lightning {__version__}.")


def write_report(folder: Path, report: Report, sections: Sequence[Section]) -> Path:
    """Write ``report.html`` into a folder, whole or not at all, and return where it lies."""
    return write_page(folder / FILE, report_page(report, sections))
