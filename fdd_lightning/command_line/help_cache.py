"""The help of a command, which takes seconds to make because it tells of every class: kept, and shown at once again."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stdout

from fdd_lightning.errors import FDDError
from fdd_lightning.stages.noted_classes import state_of_classes
from fdd_lightning.utils.files import atomic_path, fingerprint
from fdd_lightning.utils.paths import cache_root


def kept_help(command: str, make: Callable[[], int]) -> int:
    """Print the help of a command as it was made before, or make, print and keep it; return the exit code.

    It is made again where anything has changed that it tells of: a file of this package or of a menu, other packages'
    entry points, the width of the terminal. A class that the user names is in no such help.

    Args:
        command: The command's name.
        make: Prints the help and returns the exit code, or ends by ``SystemExit``.
    """
    try:
        file = cache_root() / "help" / f"{fingerprint([command, *_tells_of()])[:32]}.txt"
        sys.stdout.write(file.read_text(encoding="utf-8"))
        return 0
    except FDDError:  # there is no cache
        return make()
    except (OSError, ValueError):
        pass
    text = io.StringIO()
    try:
        with redirect_stdout(text):
            code = make()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.write(text.getvalue())
    if code == 0:
        try:
            with atomic_path(file) as temporary:
                temporary.write_text(text.getvalue(), encoding="utf-8")
        except OSError:
            pass  # it will be made again
    return code


def _tells_of() -> list[object]:
    """Return what decides a help: the classes that it tells of, and how the terminal shows it."""
    shown = [shutil.get_terminal_size().columns, sys.stdout.isatty(), os.environ.get("NO_COLOR")]
    return [*state_of_classes(), shown]
