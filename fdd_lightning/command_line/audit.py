"""``fdd audit``: is a data set biased, as far as its own images and labels say?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.data_arguments import ask, in_turn
from fdd_lightning.configuration import menu
from fdd_lightning.errors import ConfigError
from fdd_lightning.runs.recipe import is_own_images
from fdd_lightning.utils.locks import held
from fdd_lightning.utils.next_step import say_next
from fdd_lightning.utils.outputs import require_output

if TYPE_CHECKING:
    from fdd_lightning.datamodules import BaseDataModule

LEAST = 8
"""Pixels on a side below which texture cannot be seen."""

USAGE = "fdd audit NAME-OR-FOLDER ... [--output DIR] [--data.ARGUMENT VALUE ...]"


def audit(args: list[str]) -> int:
    """Audit data sets by the arguments after ``fdd audit``, which are those of ``fdd data show``.

    Returns:
        The exit code: 0, or 2 where one of several data sets failed (its line has then been said).
    """
    parser = LineParser(prog="fdd audit", usage=USAGE, add_help=False, example="fdd audit colored_digits")
    parser.add_argument("--output", default="audit", metavar="DIR", help="folder of the page (audit)")
    asked = ask(parser, args)
    if asked is None:
        return 0
    names, options, how = asked
    if len(names) == 1 and menu.file_of("data", names[0]) is None and is_own_images(names[0]):
        from fdd_lightning.runs.own_images import own_arguments

        own = own_arguments(names[0], {})
        names, options = ["folder"], [*(f"--data.{key}={value}" for key, value in own.items()), *options]

    def audited(data: BaseDataModule) -> None:
        require_output("--output", how.output, data.own_paths)
        if min(data.image_shape[1:]) < LEAST:
            raise ConfigError(f"{data.name}: an audit needs images of at least {LEAST}x{LEAST} pixels: raise size")
        from fdd_lightning.audit.findings import look_at
        from fdd_lightning.audit.page import write_audit
        from fdd_lightning.audit.sentences import sentences

        data.setup()
        findings = look_at(data, asked_by=" ".join([f"--data {data.entry}", *options]))
        for sentence in sentences(findings):
            print(sentence)
        folder = Path(how.output) / data.name if len(names) > 1 else Path(how.output)
        with held(folder):
            print(write_audit(findings, data.train, folder)[-1])

    code = in_turn(names, options, audited)
    typed, typed_options = asked[:2]
    said = ["fdd", "distill", "--data", *typed] if names == typed else ["fdd", "run", *typed]
    say_next(shlex.join([*said, *typed_options]) if len(typed) == 1 and code == 0 else "")
    return code
