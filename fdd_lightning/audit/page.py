"""The files of an audit: a table of the images, a contact sheet, and a page."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from importlib import import_module
from pathlib import Path

import torch

from fdd_lightning.audit.findings import Findings
from fdd_lightning.audit.sentences import sentences
from fdd_lightning.datasets import ImageSet
from fdd_lightning.pictures.synthetic_sets import sets_side_by_side
from fdd_lightning.utils.files import atomic_path

SHOWN = 10
"""Images of a class on each half of the contact sheet."""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; image-rendering: pixelated; }
"""


def write_audit(findings: Findings, images: ImageSet, folder: Path) -> list[Path]:
    """Write ``audit.csv`` (where pyarrow is installed ``audit.parquet`` too), ``contact.png`` and ``audit.html``.

    Args:
        findings: What was found.
        images: The training images.
        folder: Where to; made when absent.

    Returns:
        The files, the page last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(findings.images())
    with atomic_path(folder / "audit.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with suppress(ModuleNotFoundError):
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
        with atomic_path(folder / "audit.parquet") as temporary:
            parquet.write_table(arrow.Table.from_pylist(rows), temporary)
    contact = _contact_sheet(findings, images, folder / "contact.png")
    with atomic_path(folder / "audit.html") as temporary:
        temporary.write_text(page(findings), encoding="utf-8")
    return [folder / "audit.csv", contact, folder / "audit.html"]


def _contact_sheet(findings: Findings, images: ImageSet, path: Path) -> Path:
    """Draw each class's most typical images beside those that go most against the crowd."""
    halves = {}
    for title, typical in (("most typical", True), ("most against the crowd", False)):
        chosen = [findings.ranked(c, SHOWN, typical=typical) for c in range(len(findings.class_names))]
        places = torch.cat(chosen)
        pixels = images.pixels(places).float() / 255
        halves[title] = pixels, findings.targets[places], findings.class_names
    return sets_side_by_side(halves, path)


def page(findings: Findings) -> str:
    """Return the page, which shows ``contact.png`` beside it and names ``audit.csv``.

    Example:
        >>> from fdd_lightning.datamodules import ColoredDigits
        >>> from fdd_lightning.audit.findings import look_at
        >>> data = ColoredDigits()
        >>> data.setup()
        >>> "<h1>colored_digits</h1>" in page(look_at(data))
        True
    """
    said = "".join(f"<p>{escape(sentence)}</p>\n" for sentence in sentences(findings))
    classes = [
        [row["class"], f"{row['images']:,}", f"{row['against']:.1%}", f"{row['clearly']:.1%}", row["mostly like"]]
        for row in findings.classes()
    ]
    parts = [
        f"<h1>{escape(findings.name)}</h1>\n{said}",
        "<h2>Classes</h2>\n<p>How many images look like those of another class, by colour and texture.</p>",
        _table(["class", "images", "against the crowd", "clearly", "mostly like"], classes),
    ]
    if findings.association is not None:
        cells = findings.association.cells.tolist()
        lines = [[name, *(f"{n:,}" for n in row)] for name, row in zip(findings.class_names, cells, strict=True)]
        parts += [f"<h2>Classes and groups</h2>\n<p>{escape(str(findings.association))}.</p>"]
        parts += [_table(["class", *findings.group_names], lines)]
    parts += ["<h2>Contact sheet</h2>\n<p>Each class's most typical images, and those most against the crowd.</p>"]
    parts += ['<img src="contact.png" alt="contact sheet">', "<p>Every image: <a href='audit.csv'>audit.csv</a>.</p>"]
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{escape(findings.name)}: audit</title><style>{STYLE}</style>'
    return f"<!doctype html>\n<html lang='en'><head>{head}</head><body>\n{body}\n</body></html>\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + line(head, "th") + "".join(line(row, "td") for row in rows) + "</table>"
