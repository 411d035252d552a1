"""Names and what there is to say of each: a table that wraps on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fdd_lightning.errors import shown


def print_columns(rows: Sequence[tuple[str, str]], styles: Sequence[str] = ()) -> None:
    """Print two columns.

    Args:
        rows: Names and texts.
        styles: A style of rich for each name; bold where none is given.

    Example:
        >>> print_columns([("dm", "distribution matching"), ("idc", "")])
        dm   distribution matching
        idc
    """
    if not sys.stdout.isatty():
        width = max((len(name) for name, _ in rows), default=0)
        for name, text in rows:
            print(f"{name:<{width}}  {shown(text)}".rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for i, (name, text) in enumerate(rows):
        table.add_row(Text(name, styles[i] if styles else "bold"), Text(shown(text)))
    Console(highlight=False).print(table)
