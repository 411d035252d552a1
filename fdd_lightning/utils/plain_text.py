"""Text from people: one form for what looks the same, and the files that it names."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from fdd_lightning.errors import ConfigError, shown

UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u3164\ufe00-\ufe0f\uffa0]")
"""Characters that take no ink though their category does not say so: fillers, joiners, variation selectors."""

ABOUT_YAML = "put it in quotes: YAML reads no, off, yes and on as true or false, and 010 as 8"
"""What to do about a name that YAML took for something else."""


def plain(text: str) -> str:
    r"""Return a text as it looks: composed (NFC), without invisible characters, all blanks alike, none at the ends.

    Example:
        >>> plain("cafe\u0301\u200b ") == plain("\ufeffcaf\u00e9")
        True
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    # Tabs and line ends are blanks by their looks, and control characters by their category.
    seen = (" " if char.isspace() else char for char in UNSEEN.sub("", text))
    return unicodedata.normalize("NFC", "".join(c for c in seen if unicodedata.category(c) not in ("Cc", "Cf"))).strip()


def cleaned(value: Any) -> Any:
    r"""Return what was read from somebody's file with every text in it fit to be printed.

    Example:
        >>> cleaned({"class_names": ["cat\n", 3]})
        {'class_names': ['cat ', 3]}
    """
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {shown(key): cleaned(item) for key, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list) else value


def require_name(key: str, value: object) -> str:
    r"""Return a name as text; numbers are names too.

    Raises:
        ConfigError: It is nothing, a list or blank, or holds what cannot be seen, such as line ends or escape codes.

    Example:
        >>> require_name("name", "a\nb")
        Traceback (most recent call last):
        fdd_lightning.errors.ConfigError: name: 'a\nb' is no name: give it letters and figures on one line
    """
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise ConfigError(f"{key}: {value!r} is no name: give it letters and figures on one line")
    return text


def alike(names: Iterable[str]) -> list[list[str]]:
    """Return those of some names that people take for the same: but for capitals, or ``1`` beside ``1.0``.

    Example:
        >>> alike(["Cat", "cat", "dog", "1", "01", "1.0"])
        [['1', '1.0'], ['Cat', 'cat']]
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        # Not by float(): 01 and 1 may be codes, and 1e3 no number at all.
        groups[re.sub(r"^([+-]?\d+)\.0+$", r"\1", name).casefold()].append(name)
    return [group for group in groups.values() if len(group) > 1]


def on_disk(path: Path) -> Path:
    """Return a path as the file system spells it, where it has one that looks the same; else the path itself.

    Folders are remembered as long as nothing changes in them.
    """
    if path.exists():
        return path
    parent = path.parent
    if parent != path:
        parent = on_disk(parent)
    named = parent / path.name
    if named.exists():
        return named
    try:
        name = _spellings(parent, parent.stat().st_mtime_ns).get(plain(path.name))
    except OSError:  # no folder, or one that may not be read
        name = None
    return path if name is None else parent / name


@lru_cache(maxsize=256)
def _spellings(folder: Path, changed: int) -> dict[str, str]:
    """Return the names in a folder by their plain form, where that tells them from each other."""
    names = sorted(entry.name for entry in folder.iterdir())
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[plain(name)].append(name)
    return {form: same[0] for form, same in found.items() if len(same) == 1}
