"""The other figures that the rows allow, the user's own among them."""

from __future__ import annotations

import inspect
from contextlib import suppress

from fdd_lightning.pages.parts import Part, Picture
from fdd_lightning.report.figures import Figure
from fdd_lightning.report.figures.accuracy_deo import AccuracyAgainstDEO
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import Section

SHOWN = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg", ".webp": "image/webp"}
"""Pictures that browsers show, by their names' endings."""
LARGEST = 1_500_000
"""Bytes of a picture that is taken into the page."""


class MoreCharts(Section):
    """Every picture that a figure drew beside the page, with the first sentence of its class.

    Example:
        >>> MoreCharts().parts(Report([]))
        []
    """

    title = "More charts"
    place = 70

    def parts(self, report: Report) -> list[Part]:
        """Return them; that of accuracy against fairness has a section of its own."""
        found: list[Part] = []
        for figure in report.figures:
            if isinstance(figure, AccuracyAgainstDEO):
                continue
            for path in sorted({path for pattern in figure.files for path in report.folder.glob(pattern)}):
                if path.suffix in SHOWN and path.stat().st_size <= LARGEST:
                    said = _sentence(figure)
                    alt = f"Chart {path.stem.replace('_', ' ')}: {said} Its figures stand in the table."
                    data = path.read_bytes()
                    found.append(Picture(data, alt, SHOWN[path.suffix], caption=said, width=_width(data), chart=True))
        return found


def _sentence(figure: Figure) -> str:
    """Return the first sentence of what a figure's class says of itself."""
    return (inspect.getdoc(type(figure)) or type(figure).__name__).partition("\n")[0]


def _width(data: bytes) -> int | None:
    """Return how wide a picture is to be seen: charts are drawn at more pixels than screens have."""
    from io import BytesIO

    from PIL import Image, UnidentifiedImageError

    with suppress(UnidentifiedImageError):
        return round(Image.open(BytesIO(data)).width * 96 / 150)
    return None
