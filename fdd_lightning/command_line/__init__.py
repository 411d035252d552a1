"""The commands behind ``fdd``, and the parser of the plain ones."""

from __future__ import annotations

import argparse
from contextvars import ContextVar
from importlib import import_module
from typing import Any, NoReturn

from fdd_lightning.errors import ConfigError

COMMANDS = {
    "data": "data.data",
    "audit": "audit.audit",
    "run": "run.run",
    "fit": "stage.fit",
    "distill": "stage.distill",
    "eval": "stage.evaluate",
    "report": "report.report",
    "import": "import_set.import_set",
    "export": "export.export",
    "card": "card.card",
    "list": "listing.listing",
    "doctor": "doctor.doctor",
    "completion": "completion.completion",
}
"""Each command and its function, below ``fdd_lightning.command_line``."""


def carry_out(command: str, args: list[str]) -> int:
    """Run a command by the arguments after its name and return its exit code."""
    module, function = COMMANDS[command].split(".")
    return int(getattr(import_module(f"fdd_lightning.command_line.{module}"), function)(args))


class _Collected(Exception):
    """A parser that was asked for instead of being used."""

    def __init__(self, parser: LineParser) -> None:
        super().__init__(parser.prog)
        self.parser = parser


_collecting: ContextVar[bool] = ContextVar("collecting", default=False)


def parser_of(command: str, *args: str) -> LineParser | None:
    """Return the parser with which a plain command would begin to read its arguments; None where it has none.

    Example:
        >>> parser_of("report").prog
        'fdd report'
    """
    token = _collecting.set(True)
    try:
        carry_out(command, list(args))
    except _Collected as collected:
        return collected.parser
    finally:
        _collecting.reset(token)
    return None


class LineParser(argparse.ArgumentParser):
    """An argument parser that raises what is wrong instead of printing a usage block; no option is guessed.

    Args:
        example: A command line, or several, that the help ends with.
        **arguments: As argparse has them.

    Example:
        >>> LineParser(prog="fdd report").parse_args(["--size=3"])
        Traceback (most recent call last):
        fdd_lightning.errors.ConfigError: fdd report: unrecognized arguments: --size=3 (see fdd report --help)
    """

    def __init__(self, *, example: str = "", **arguments: Any) -> None:
        super().__init__(allow_abbrev=False, **arguments)
        self.example = example

    def format_help(self) -> str:
        """Return the help, with an example at its end."""
        lines = "".join(f"  {line}\n" for line in self.example.splitlines())
        return super().format_help() + (f"\nexample:\n{lines}" if lines else "")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; the parser itself is handed to whoever asked for it (see :func:`parser_of`)."""
        if _collecting.get():
            raise _Collected(self)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise the message as an error of the user, with the way to the help."""
        raise ConfigError(f"{self.prog}: {message} (see {self.prog} --help)")
