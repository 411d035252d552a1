"""The next step, said at the end of a command to whoever sits at a terminal."""

from __future__ import annotations

import sys

from fdd_lightning.errors import first_process, shown


def say_next(command: str) -> None:
    """Write a command that may come next on one dim line of stderr; nothing where output goes to a file or a pipe."""
    if command and first_process() and sys.stdout.isatty() and sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True).print(Text(shown(f"next: {command}"), style="dim"), soft_wrap=True)
