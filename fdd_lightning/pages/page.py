"""A page: a title, a few sections with their parts, one look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fdd_lightning.pages.parts import Part, environment
from fdd_lightning.utils.files import atomic_path


@dataclass(frozen=True)
class Block:
    """A section of a page.

    Attributes:
        title: Its heading.
        parts: What stands in it.

    Example:
        >>> Block("Results & more", []).anchor
        'results-more'
    """

    title: str
    parts: Sequence[Part]

    @property
    def anchor(self) -> str:
        """What links to it end in."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


def page(title: str, blocks: Sequence[Block], *, intro: Sequence[Part] = (), foot: str = "") -> str:
    """Return a whole page as HTML, which needs no other file and no network.

    Args:
        title: Its heading, and its name in the browser.
        blocks: Its sections, in order; the list of contents names them.
        intro: What stands before the first of them.
        foot: A line at the end.

    Example:
        >>> "<h1>a &amp; b</h1>" in page("a & b", [])
        True
    """
    facts = {"title": title, "blocks": blocks, "intro": intro, "foot": foot}
    return environment().get_template("page.html").render(facts)


def write_page(path: Path, html: str) -> Path:
    """Write a page, whole or not at all, and return where it lies."""
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8", errors="replace")
    return path
