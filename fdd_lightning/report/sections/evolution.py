"""How the sets came about."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from fdd_lightning.pages.parts import Cell, Part, Picture, Table, Text
from fdd_lightning.pictures.few_of_each import MOST_CLASSES
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import LeftOut, Section
from fdd_lightning.report.sections.made_sets import picture_of

MOST_SETS = 8
MOMENTS = ("first step", "a quarter", "half", "three quarters", "last step")
CLASSES = 4
"""Classes of a set that are shown."""
SIDE = 30
"""Pixels that an image is high at least."""


class Evolution(Section):
    """The same images of a set after the first step, each quarter, and the last one.

    Example:
        >>> Evolution().parts(Report([]))
        []
    """

    title = "How the sets came about"
    place = 100

    def parts(self, report: Report) -> list[Part]:
        """Return a table, a set in a row, or why there is none."""
        found: dict[Path, tuple[str, int, dict[int, Path]]] = {}
        for entry in report.entries:
            made = entry.made
            if made is not None and (pictures := made.evolution):
                lines = min(MOST_CLASSES, len(made.facts.get("class_names", ())))  # as they were drawn
                found.setdefault(made.folder, (entry.label, lines, pictures))
        if not found:
            distilled = any(entry.made is not None for entry in report.entries)
            said = "No pictures were kept on the way: sets that are drawn have none, nor have those of older releases."
            return [LeftOut(said)] if distilled else []
        rows: list[list[str | Cell]] = [
            [label, *_moments(lines, pictures)] for label, lines, pictures in [*found.values()][:MOST_SETS]
        ]
        caption = "The first images of the first classes (a class in a row) while they were learned"
        parts: list[Part] = [Table(["set", *MOMENTS], rows, caption, numbers=[False] * 6, kind="film")]
        if len(found) > MOST_SETS:
            parts.append(Text(f"The first {MOST_SETS} of {len(found)} sets are shown.", "note"))
        return parts


def _moments(lines: int, pictures: dict[int, Path]) -> list[Cell]:
    """Return the picture nearest to each moment."""
    last = max(pictures)
    steps = [min(pictures), *(min(pictures, key=lambda step: abs(step - last * q / 4)) for q in (1, 2, 3)), last]
    return [Cell(_picture(pictures[step], step, lines)) for step in steps]


def _picture(path: Path, step: int, lines: int) -> str | Picture:
    with suppress(OSError, UnidentifiedImageError):
        image = Image.open(path).convert("RGB")
        side = max(1, image.height // max(lines, 1))
        image = image.crop((0, 0, image.width, min(lines, CLASSES) * side))
        return picture_of(image, f"after step {step:,}", max(1, round(SIDE / side)))
    return f"step {step:,}: cannot be read"
