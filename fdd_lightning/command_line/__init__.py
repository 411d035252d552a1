"""The commands behind ``fdd``, and the parser of the plain ones."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from fdd_lightning.errors import ConfigError


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

    def error(self, message: str) -> NoReturn:
        """Raise the message as an error of the user, with the way to the help."""
        raise ConfigError(f"{self.prog}: {message} (see {self.prog} --help)")
