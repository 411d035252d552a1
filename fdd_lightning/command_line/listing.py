"""``fdd list``: what the menu holds, with what its files say of themselves."""

from __future__ import annotations

from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.columns import print_columns
from fdd_lightning.configuration import menu
from fdd_lightning.utils.next_step import say_next
from fdd_lightning.utils.paths import CONFIGS


def listing(args: list[str]) -> int:
    """Print what there is of some kinds, by the arguments after ``fdd list``, or which kinds there are."""
    parser = LineParser(
        prog="fdd list",
        description="What the menu holds, yours (configs/ below the current folder) and ours: the names that other "
        "commands take, each with what its file says first. Without a kind: which kinds there are.",
        example="fdd list\nfdd list methods weightings",
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="methods, weightings, recipes, networks, data, ...")
    kinds = [menu.kind_named(word) for word in parser.parse_args(args).kinds]
    if not kinds:
        print_columns([(kind, _in_short(menu.names(kind))) for kind in menu.kinds()])
        say_next("fdd list methods")
    for kind in kinds:
        if len(kinds) > 1:
            print(f"{kind}:")
        print_columns([(name, _told(kind, name)) for name in menu.names(kind)])
    return 0


def _in_short(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _told(kind: str, name: str) -> str:
    """Return what an entry's file says first, and where it lies if it is the user's own."""
    file = menu.file_of(kind, name)
    assert file is not None
    own = "" if file.resolve().is_relative_to(CONFIGS.resolve()) else f"({file})"
    return " ".join(part for part in (menu.note(file), own) if part)
