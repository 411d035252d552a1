"""The synthetic sets, side by side."""

from __future__ import annotations

from io import BytesIO

from PIL import Image
from torch import Tensor

from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.pages.parts import Beside, Card, Cell, Part, Picture, Table, Text
from fdd_lightning.pictures.few_of_each import small
from fdd_lightning.pictures.layout import tile
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import LeftOut, Section
from fdd_lightning.report.words import counted

MOST_SETS = 60
MOST_CLASSES = 20
OF_A_CLASS = (10, 6, 4, 2, 1)
"""Images of a class that are shown: as many as all sets together have room for."""
ROOM = 3_000_000
"""Bytes of all pictures of sets."""
WIDTH = 26
"""Pixels at which an image is seen at least."""


class MadeSets(Section):
    """The first set of each row that made one: some images of each class, as they are.

    Example:
        >>> MadeSets().parts(Report([]))
        []
    """

    title = "The sets"
    place = 90

    def parts(self, report: Report) -> list[Part]:
        """Return a card for each set, or why there is none."""
        found: dict[object, tuple[str, SyntheticSet]] = {}
        for entry in report.entries:
            made = entry.made
            if len(found) < MOST_SETS and made is not None and made.folder not in found:
                loaded = made.load()
                if loaded is not None:
                    found[made.folder] = entry.label, loaded
        if not found:
            said = "The runs' folders hold no synthetic set that can be read, so none is shown."
            return [LeftOut(said)] if any(row.method != "full" for row in report.rows) else []
        sets = [*found.values()]
        each = _room_for(sets)
        made_rows = {id(entry.made) for entry in report.entries if entry.row.method != "full"}
        cards = [_card(label, made, each) for label, made in sets]
        told = "One set of each row, by its first seed: a class in a row. Networks see these images and no others."
        parts: list[Part] = [Text(told), Beside(cards)]
        if len(made_rows) > len(sets):
            parts.append(Text("Rows that share a set, or whose set has gone, have no picture of their own.", "note"))
        return parts


def _room_for(sets: list[tuple[str, SyntheticSet]]) -> int:
    """Return how many images of a class there is room for: the first set says how large they are."""
    for each in OF_A_CLASS:
        sizes = [len(picture.data) for picture in _strips(sets[0][1], each)]
        if sum(sizes) * len(sets) <= ROOM:
            return each
    return OF_A_CLASS[-1]


def _card(label: str, made: SyntheticSet, each: int) -> Card:
    names = made.class_names
    rows: list[list[str | Cell]] = [
        [name, Cell(picture)] for name, picture in zip(names, _strips(made, each), strict=False)
    ]
    most = int(made.labels.bincount().max())
    shown = f"{counted(min(each, most), 'image')} of {most:,}" if most > each else counted(most, "image")
    more = f", {MOST_CLASSES} of {len(names)} classes" if len(names) > MOST_CLASSES else ""
    table = Table(["class", "images"], rows, f"{shown} of each class{more}", numbers=[False, False], kind="strips")
    return Card(label, [table])


def _strips(made: SyntheticSet, each: int) -> list[Picture]:
    """Return the first images of each class side by side."""
    images, labels = made.shown()
    names = made.class_names[:MOST_CLASSES]
    return [_strip(images[labels == target][:each], name) for target, name in enumerate(names)]


def _strip(images: Tensor, name: str) -> Picture:
    if not len(images):
        return picture_of(Image.new("RGB", (1, 1), "white"), f"no image of class {name}", 1)
    pixels = small(images)
    strip = tile(pixels, len(pixels), 1)
    scale = max(1, -(-WIDTH // pixels.shape[2]))
    return picture_of(Image.fromarray(strip), f"{len(pixels)} images of class {name}", scale)


def picture_of(image: Image.Image, alt: str, scale: int) -> Picture:
    """Return an image as a picture that is seen enlarged, pixel by pixel."""
    stream = BytesIO()
    image.save(stream, "PNG", optimize=True)
    return Picture(stream.getvalue(), alt, width=image.width * scale, enlarged=True)
