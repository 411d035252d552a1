"""Fenced blocks of a Markdown page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of code, and the language that it says it is in."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, by its path below the project's folder."""
    return [Block(*found) for found in FENCE.findall((ROOT / page).read_text(encoding="utf-8"))]


def links(page: str) -> list[str]:
    """Return what a page links to below its own folder, pictures too."""
    found = re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    return [link.partition("#")[0] for link in found if "://" not in link and not link.startswith("#")]


def run_python(text: str, names: dict[str, object], **shorter: str) -> None:
    """Execute a block of Python with some of its numbers replaced: ``iterations="1"``."""
    for name, value in shorter.items():
        text = re.sub(rf"\b{name}=[\w\"]+", f"{name}={value}", text)
    exec(compile(text, "block", "exec"), names)
