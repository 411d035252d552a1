"""The command ``fdd``, also ``python -m fdd_lightning``."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

from fdd_lightning.__about__ import __version__
from fdd_lightning.command_line import COMMANDS, carry_out
from fdd_lightning.errors import FDDError, UnfinishedError, in_one_line, say
from fdd_lightning.utils.stopping import Stopped, stoppable

OVERVIEW = """\
fdd: distil a biased image data set into a small fair one, and measure the bias that is left

  fdd data list         the data sets; also prepare, verify, show and clean them
  fdd audit DATA        is it biased? an answer, a page, a table of its images
  fdd run PHOTOS/       your own class folders, or a table of images: from photos to a judgement in words
  fdd run RECIPE.yaml   a grid of methods, weightings, IPCs and seeds, from data to table
  fdd fit               train a bias encoder on the real data
  fdd distill           distil the data into a few synthetic images per class
  fdd eval              train fresh networks on a set, score them on the real test set
  fdd report RUN ...    table and pictures of finished runs, beside the published figures
  fdd import FILE       somebody else's set (res_*.pt, data.pt, images_best.pt, npz, class folders), to be measured
  fdd export SET        a set as a folder of PNGs or as Parquet, with its card, as Hugging Face `datasets` loads it
  fdd card SET          the data card of a set: where it comes from, its bias as measured, how to load it
  fdd list [KIND ...]   the names that these take: methods, weightings, recipes, networks, data, ...
  fdd doctor            what this installation has, lacks and finds
  fdd completion SHELL  names and options at a press of Tab: eval "$(fdd completion bash)"

Each takes --help. `fdd run configs/recipes/quickstart.yaml` shows all of it in a few minutes, without any download.
"""


def dispatch(args: list[str]) -> int:
    """Run one command and return its exit code; errors of the user are raised."""
    if not args or args[0] in ("-h", "--help", "help"):
        print(OVERVIEW, end="")
        return 0
    if args[0] in ("-V", "--version", "version"):
        print(f"fdd-lightning {__version__}")
        return 0
    if args[0] not in COMMANDS:
        raise FDDError(f"unknown command {args[0]!r}: choose one of {', '.join(COMMANDS)}")
    name, rest = args[0], args[1:]
    if rest in (["-h"], ["--help"], ["--trainer.help"]):
        from fdd_lightning.command_line.help_cache import kept_help

        return kept_help(f"{name} {rest[0]}", lambda: carry_out(name, rest))
    return carry_out(name, rest)


def _hush() -> None:
    """Let what is printed from here on, and what is still to be written out, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flush() -> None:
    """Write out what was printed; where that fails, it is not tried once more when Python ends."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _hush()
        if error.errno != errno.EPIPE:  # who reads no further has seen enough
            raise


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; by default those of the process.

    Returns:
        The exit code: 0, or 2 after an error of the user (one line on stderr; ``FDD_DEBUG=1`` shows the traceback), 1
        where a stage was stopped as it was told, 130 after Ctrl-C, 143 after SIGTERM.
    """
    debug = bool(os.environ.get("FDD_DEBUG"))
    if not {"", str(Path.cwd())} & set(sys.path):
        sys.path.append(str(Path.cwd()))  # for a user's own classes; the installed command does not look here by itself
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that a terminal lacks is no reason to end
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        with stoppable():
            code = dispatch(args)
            _flush()
            return code
    except BrokenPipeError:  # who reads no further has seen enough
        _hush()
        return 0
    except (FDDError, OSError) as error:
        line = in_one_line(error)
        if debug or line is None:
            raise
        say(f"{'unfinished' if isinstance(error, UnfinishedError) else 'error'}: {line}")
        with suppress(OSError):
            _flush()
        return error.exit_code if isinstance(error, FDDError) else 2
    except UnicodeEncodeError as error:
        if debug or error.encoding != sys.getfilesystemencoding():
            raise
        say(f"error: no file can be called {error.object!a} in this locale ({error.encoding}): set LC_ALL=C.UTF-8")
        return 2
    except KeyboardInterrupt as stop:
        stopped = Stopped.of(stop, "give the same command again to go on")
        say(f"interrupted; {stopped}")
        return stopped.code


if __name__ == "__main__":
    sys.exit(main())
