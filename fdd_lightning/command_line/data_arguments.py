"""What the commands that take data sets by name share: their arguments, and several sets in turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.data_names import refuse_early
from fdd_lightning.errors import ConfigError, FDDError, in_one_line, say
from fdd_lightning.utils.stopping import Stopped

if TYPE_CHECKING:
    from argparse import Namespace

    from fdd_lightning.datamodules import BaseDataModule


def ask(parser: LineParser, args: Sequence[str]) -> tuple[list[str], list[str], Namespace] | None:
    """Sort what was typed into names, arguments of the data set (as ``--data.key=value``) and options of the command.

    Returns None where help was asked for and given.
    """
    names = list(takewhile(lambda arg: not arg.startswith("-"), args))
    rest = list(args[len(names) :])
    if set(rest) & {"-h", "--help"}:
        print_help(parser, names)
        return None
    how, left = parser.parse_known_args(rest)
    if not names and not parser.prog.endswith("list"):
        parser.error("name at least one data set, before the options (`fdd data list` shows what there is)")
    options = data_options(parser, left)
    return names, options, how


def data_options(parser: LineParser, left: Sequence[str]) -> list[str]:
    """Return arguments of a data set as they were typed, ``--data.key=value``, ``--key value`` or ``--flag``.

    Each becomes ``--data.key=value``.

    Raises:
        ConfigError: Something belongs to no option.
    """
    options: list[str] = []
    for i, arg in enumerate(left):
        key, equals, value = arg.partition("=")
        if not arg.startswith("--"):
            if i == 0 or not left[i - 1].startswith("--") or "=" in left[i - 1]:
                parser.error(f"{arg!r} belongs to nothing: names of data sets come first, then options")
            continue
        if not equals:
            following = left[i + 1] if i + 1 < len(left) else "--"
            value = "true" if following.startswith("--") else following
        options.append(f"--data.{key.removeprefix('--').removeprefix('data.')}={value}")
    return options


def print_help(parser: LineParser, names: Sequence[str]) -> None:
    """Print the options of an action, and the arguments of the data sets that were named."""
    print(parser.format_help() if not names else parser.format_usage(), end="")
    for name in names:
        from fdd_lightning.command_line.data_by_name import find

        print(f"\n{find(name).parser().format_help()}", end="")
    if not names:
        print("\nWith the name of a data set --help lists its arguments.")


def in_turn(names: Sequence[str], options: Sequence[str], work: Callable[[BaseDataModule], None]) -> int:
    """Do the work for each data set; with several, one that fails does not keep the others from their turn."""
    refuse_early(names, options)
    from fdd_lightning.command_line.data_by_name import find

    try:
        modules = [find(name).data(options) for name in names]  # all are checked before the first begins
    except ConfigError:
        from fdd_lightning.stages.noting import note_classes

        note_classes()  # the next time it is told at once
        raise
    failed = 0
    for module in modules:
        try:
            work(module)
        except KeyboardInterrupt as stop:
            raise Stopped.of(stop, "nothing half-built is left; the same command again starts anew") from None
        except (FDDError, OSError) as error:
            line = in_one_line(error)
            if len(modules) == 1 or line is None or os.environ.get("FDD_DEBUG"):
                raise
            say(f"error: {line}")
            failed += 1
    return 2 if failed else 0
