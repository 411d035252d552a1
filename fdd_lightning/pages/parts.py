"""What a page is made of: sentences, lists, tables, pictures, commands.

A part is a class with a template of its own in ``templates/``; whatever text it holds is escaped there. One of the
user's own needs a :meth:`Part.html`, nothing else.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def environment() -> Environment:
    """Return the templates of this package; every text in them is escaped."""
    loader = PackageLoader("fdd_lightning.pages")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


class Part(ABC):
    """Anything that stands on a page.

    Example:
        >>> class Rule(Part):
        ...     def html(self):
        ...         return Markup("<hr>")
    """

    @abstractmethod
    def html(self) -> Markup:
        """Return it as HTML."""


class _Templated(Part):
    template: ClassVar[str]

    def html(self) -> Markup:
        return Markup(environment().get_template(self.template).render(part=self))


@dataclass(frozen=True)
class Text(_Templated):
    """A paragraph.

    Example:
        >>> Text("1 < 2").html()
        Markup('<p>1 &lt; 2</p>')
    """

    template = "text.html"
    words: str
    kind: str = ""
    """``lead`` for the sentence that counts, ``note`` for small print."""


@dataclass(frozen=True)
class Bullets(_Templated):
    """A list of sentences.

    Example:
        >>> Bullets(["one"]).html()
        Markup('<ul><li>one</li></ul>')
    """

    template = "bullets.html"
    items: Sequence[str]
    kind: str = ""


@dataclass(frozen=True)
class Picture(_Templated):
    """A picture, which lies inside the page.

    Attributes:
        data: Its bytes.
        alt: What it shows, for those who do not see it.
        media: Its media type.
        caption: Words below it.
        width: Pixels that it is wide where there is room.
        chart: A drawing on white, whose shades may be turned round on a dark page.
        enlarged: Pixels are to be seen as squares.

    Example:
        >>> Picture(b"", "nothing").source
        'data:image/png;base64,'
    """

    template = "picture.html"
    data: bytes
    alt: str
    media: str = "image/png"
    caption: str = ""
    width: int | None = None
    chart: bool = False
    enlarged: bool = False

    @property
    def source(self) -> str:
        """The picture as an address."""
        return f"data:{self.media};base64,{base64.b64encode(self.data).decode()}"


@dataclass(frozen=True)
class Cell:
    """A cell of a table that is more than a text.

    Attributes:
        content: A text or a picture.
        shade: How dark it is, 0 to 10, for heat maps; None is plain.
        bold: Whether it is the best.

    Example:
        >>> Cell("83", shade=8).bold
        False
    """

    content: str | Picture
    shade: int | None = None
    bold: bool = False


@dataclass(frozen=True)
class Table(_Templated):
    """A table; the first cell of each row is its name.

    Attributes:
        head: A heading for each column.
        rows: Texts or cells; a heat map's are texts of two or three digits.
        caption: What it shows.
        numbers: Whether each column is set flush right; all but the first if not said.
        kind: ``heat`` for a heat map, ``strips`` and ``film`` for pictures.

    Example:
        >>> Table(["a", "b"], [["1", "2"]], "Letters").numbers_of
        (False, True)
    """

    template = "table.html"
    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    caption: str
    numbers: Sequence[bool] | None = None
    kind: str = ""

    @property
    def numbers_of(self) -> tuple[bool, ...]:
        """Whether each column is set flush right."""
        if self.numbers is not None:
            return tuple(self.numbers)
        return tuple(place > 0 for place in range(len(self.head)))

    @property
    def wide(self) -> bool:
        """Whether it may have to be scrolled, and so must be reached by the keyboard."""
        return len(self.head) > 3

    @property
    def cells(self) -> list[list[Cell]]:
        """Every row as cells."""
        return [[Cell(each) if isinstance(each, str) else each for each in row] for row in self.rows]


@dataclass(frozen=True)
class Code(_Templated):
    """Lines to be typed.

    Example:
        >>> Code(["fdd list"]).html()
        Markup('<pre tabindex="0"><code>fdd list</code></pre>')
    """

    template = "code.html"
    lines: Sequence[str]


@dataclass(frozen=True)
class Fold(_Templated):
    """Parts that open on demand, without a script.

    Example:
        >>> Fold("more", []).open
        False
    """

    template = "fold.html"
    summary: str
    parts: Sequence[Part]
    open: bool = False


@dataclass(frozen=True)
class Card(_Templated):
    """Parts with a heading of their own, for :class:`Beside`.

    Example:
        >>> Card("one", [Text("words")]).title
        'one'
    """

    template = "card.html"
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Beside(_Templated):
    """Parts side by side where there is room, below each other where there is none.

    Example:
        >>> Beside([Card("one", [])]).html().count("</section>")
        0
    """

    template = "beside.html"
    parts: Sequence[Part]
