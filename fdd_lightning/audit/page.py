"""The files of an audit: a table of the images, a contact sheet, and a page."""

from __future__ import annotations

import csv
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import torch

from fdd_lightning.audit.findings import Findings
from fdd_lightning.audit.sentences import sentences
from fdd_lightning.datasets import ImageSet
from fdd_lightning.pages.page import Block, write_page
from fdd_lightning.pages.page import page as whole_page
from fdd_lightning.pages.parts import Picture, Table, Text
from fdd_lightning.pictures.synthetic_sets import sets_side_by_side
from fdd_lightning.utils.files import atomic_path

SHOWN = 10
"""Images of a class on each half of the contact sheet."""


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
    whole = write_page(folder / "audit.html", page(findings, contact.read_bytes()))
    return [folder / "audit.csv", contact, whole]


def _contact_sheet(findings: Findings, images: ImageSet, path: Path) -> Path:
    """Draw each class's most typical images beside those that go most against the crowd."""
    halves = {}
    for title, typical in (("most typical", True), ("most against the crowd", False)):
        chosen = [findings.ranked(c, SHOWN, typical=typical) for c in range(len(findings.class_names))]
        places = torch.cat(chosen)
        pixels = images.pixels(places).float() / 255
        halves[title] = pixels, findings.targets[places], findings.class_names
    return sets_side_by_side(halves, path)


def page(findings: Findings, contact: bytes | None = None) -> str:
    """Return the page, which holds all that it shows and names ``audit.csv`` beside it.

    Args:
        findings: What was found.
        contact: The contact sheet, a PNG.

    Example:
        >>> from fdd_lightning.datamodules import ColoredDigits
        >>> from fdd_lightning.audit.findings import look_at
        >>> data = ColoredDigits()
        >>> data.setup()
        >>> "<h1>colored_digits: audit</h1>" in page(look_at(data))
        True
    """
    by_class = [
        [row["class"], f"{row['images']:,}", f"{row['against']:.1%}", f"{row['clearly']:.1%}", row["mostly like"]]
        for row in findings.classes()
    ]
    heads = ["class", "images", "against the crowd", "clearly", "mostly like"]
    told = "How many images look like those of another class, by colour and texture"
    blocks = [Block("Classes", [Table(heads, by_class, told, numbers=(False, True, True, True, False))])]
    if findings.association is not None:
        cells = findings.association.cells.tolist()
        lines = [[name, *(f"{n:,}" for n in row)] for name, row in zip(findings.class_names, cells, strict=True)]
        counts = Table(["class", *findings.group_names], lines, "Training images of each class and group")
        blocks.append(Block("Classes and groups", [Text(f"{findings.association}."), counts]))
    if contact is not None:
        alt = "The images of each class that are most typical, beside those that are most against the crowd"
        told = "Each class's most typical images, and those most against the crowd. Every image stands in audit.csv."
        blocks.append(Block("Contact sheet", [Picture(contact, alt, caption=told, enlarged=True)]))
    intro = [Text(sentence) for sentence in sentences(findings)]
    return whole_page(f"{findings.name}: audit", blocks, intro=intro)
