"""The sections of the page: one class each, that says what it has to tell of the rows.

A section is a subclass of :class:`Section` in any file of this folder. A user's own is named by its class path, or
found as an entry point of the group ``fdd_lightning.sections``.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from fdd_lightning.pages.parts import Part, Text
from fdd_lightning.report.found_classes import found_classes
from fdd_lightning.report.material import Report

GROUP = "fdd_lightning.sections"


class LeftOut(Text):
    """Why a section is left out: a section that returns this alone stands among the reasons at the end of the page.

    Example:
        >>> LeftOut("There is no encoder.").words
        'There is no encoder.'
    """


class Section(ABC):
    """A section of the page.

    Attributes:
        title: Its heading.
        place: Where it stands: those with smaller numbers come before it. The built-in ones have 10 to 140.

    Example:
        >>> from fdd_lightning.pages.parts import Text
        >>> class Count(Section):
        ...     title = "How many"
        ...     def parts(self, report):
        ...         return [Text(f"{len(report.rows)} rows")]
    """

    title: ClassVar[str]
    place: ClassVar[float] = 1000

    @abstractmethod
    def parts(self, report: Report) -> Sequence[Part]:
        """Return what stands in it; nothing, or why it is :class:`LeftOut`, where there is nothing to show."""


def all_sections(named: Iterable[str | type[Section]] = ()) -> list[Section]:
    """Return the built-in sections, those of entry points, and those that are named, in the order of their places.

    Args:
        named: Classes, or their paths.

    Raises:
        ConfigError: A class path cannot be imported, or is no section's.
    """
    how = f"a section: derive it from {__name__}.Section, with title and parts"
    return sorted(found_classes(Section, sys.modules[__name__], GROUP, named, how), key=lambda each: each.place)
