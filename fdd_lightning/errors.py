"""Errors of the user: one clear line (what, where, the way out) and exit code 2."""

from __future__ import annotations

import os
import sys


class FDDError(Exception):
    """A mistake that the user can mend; the command line prints its one line, without a traceback.

    Example:
        >>> in_one_line(FDDError("no such thing: take another"))
        'no such thing: take another'
    """


class ConfigError(FDDError, ValueError):
    """A setting or a combination of settings that cannot mean anything.

    Example:
        >>> issubclass(ConfigError, ValueError)
        True
    """


class NotFiniteError(FDDError, ArithmeticError):
    """What was computed is not finite, and so is no result.

    Example:
        >>> issubclass(NotFiniteError, ArithmeticError)
        True
    """


class DatasetNotFoundError(FDDError, FileNotFoundError):
    """The source files of a data set are not where they were looked for.

    Example:
        >>> str(DatasetNotFoundError("not here", "nor there"))
        'not here nor there'
    """

    def __str__(self) -> str:
        # FileNotFoundError formats (errno, message) pairs; ours is a plain sentence.
        return " ".join(str(arg) for arg in self.args)


class FileFormatError(FDDError, ValueError):
    """A file is cut short, of another kind, or of a format version that this code does not know.

    Example:
        >>> issubclass(FileFormatError, ValueError)
        True
    """


class DependencyNotFoundError(FDDError, ModuleNotFoundError):
    """An optional package is needed and not installed.

    Example:
        >>> issubclass(DependencyNotFoundError, ImportError)
        True
    """


def in_one_line(error: FDDError | OSError) -> str | None:
    """Return what an error tells the user; None for a failure of the system that names no file, which is no answer."""
    if isinstance(error, FDDError):
        return str(error)
    return None if error.filename is None else f"{error.filename}: {error.strerror}"


def say(text: str) -> None:
    """Write one line to stderr; of several processes that run into the same, only the first speaks."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        sys.stderr.write(f"fdd: {' '.join(text.split())}\n")
