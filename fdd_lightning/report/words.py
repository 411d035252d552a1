"""Words that sections of the page share."""

from __future__ import annotations

from collections.abc import Sequence

from fdd_lightning.artefacts.results import Row


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def counted(number: int, one: str, several: str = "") -> str:
    """Write a number with its noun.

    Example:
        >>> counted(1, "set"), counted(1200, "class", "classes")
        ('1 set', '1,200 classes')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def percent(row: Row, metric: str, digits: int = 1) -> str:
    """Write a metric in percent; ``no figure`` where there is none."""
    mean = row.mean(metric)
    return "no figure" if mean is None else f"{100 * mean:.{digits}f}%"


def duration(seconds: float) -> str:
    """Write a time as people say it.

    Example:
        >>> duration(7.4), duration(200), duration(9000)
        ('7 s', '3 min 20 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole or not seconds else "below 1 s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 // 60 else "")
