"""The commands behind ``fdd``, and the parser of the plain ones."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from fdd_lightning.errors import ConfigError


class LineParser(argparse.ArgumentParser):
    """An argument parser that raises what is wrong instead of printing a usage block; no option is guessed.

    Example:
        >>> LineParser(prog="fdd report").parse_args(["--size=3"])
        Traceback (most recent call last):
        fdd_lightning.errors.ConfigError: fdd report: unrecognized arguments: --size=3 (see fdd report --help)
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(allow_abbrev=False, **arguments)

    def error(self, message: str) -> NoReturn:
        """Raise the message as an error of the user, with the way to the help."""
        raise ConfigError(f"{self.prog}: {message} (see {self.prog} --help)")
