"""Errors of the user: one clear line (what, where, the way out) and exit code 2."""

from __future__ import annotations

import errno
import os
import sys


class FDDError(Exception):
    """A mistake that the user can mend; the command line prints its one line, without a traceback.

    Example:
        >>> in_one_line(FDDError("no such thing: take another"))
        'no such thing: take another'
    """

    exit_code = 2


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


class UnfinishedError(FDDError):
    """A stage was stopped before its end, as it was told: it has no result yet.

    Example:
        >>> UnfinishedError("the time is up").exit_code
        1
    """

    exit_code = 1


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


def shown(text: str) -> str:
    r"""Return a text fit to stand on a line of a terminal, whoever wrote it.

    Blanks of all kinds become spaces; what would steer the terminal or turn the order of letters round, ``\ufffd``.

    Example:
        >>> shown("a\tb") == "a b", shown("\x1b[2Jcat\u202e") == "\ufffd[2Jcat\ufffd"
        (True, True)
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in JOINERS else " " if char.isspace() else "\ufffd" for char in text
    )


LONGEST = 1000
"""Letters of an error's line."""

JOINERS = "\u200c\u200d"
"""Join or part letters of some scripts, and the parts of a picture; they steer nothing else."""


class WriteError(FDDError, OSError):
    """Something cannot be written: the disk is full, or the folder is closed.

    Example:
        >>> str(WriteError("cannot write 'x': make room"))
        "cannot write 'x': make room"
    """


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def way_out(number: int | None, folder: str, instead: str) -> str:
    """Return what can be done about a failure of the system, by its number, in a folder that was to be written to."""
    do = "make room" if number in FULL else "allow writing" if number in CLOSED else ""
    return f"{do} in {folder}, or {instead}" if do else instead


def in_one_line(error: FDDError | OSError) -> str | None:
    """Return what an error tells the user; None for a failure of the system that names no file, which is no answer."""
    if isinstance(error, FDDError):
        text = str(error)
    elif error.errno in FULL:
        where = "something" if error.filename is None else repr(str(error.filename))
        folders = way_out(error.errno, "the folders that the command writes to", "choose others")
        text = f"cannot write {where} ({error.strerror}): {folders}"
    elif error.filename is None:
        return None
    else:
        text = f"{error.filename}: {error.strerror}"
    # What was given may be of any length: the way out stands at the end.
    return shown(text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}")


def first_process() -> bool:
    """Tell whether this is the first of the processes that run one command together, or the only one."""
    return all(os.environ.get(rank, "0") == "0" for rank in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


def say(text: str) -> None:
    """Write one line to stderr; of several processes that run into the same, only the first speaks."""
    if first_process():
        sys.stderr.write(f"fdd: {shown(' '.join(text.split()))}\n")
