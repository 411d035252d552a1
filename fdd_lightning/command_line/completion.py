"""``fdd completion``: a script by which a shell completes names and options at a press of Tab."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from fdd_lightning.command_line import COMMANDS, LineParser, parser_of
from fdd_lightning.configuration import menu
from fdd_lightning.errors import DependencyNotFoundError, FDDError
from fdd_lightning.stages.noted_classes import NotedClasses

SHELLS = ("bash", "zsh", "tcsh")
SECTIONS = {"model": "base", "data": "data"}
"""Parts of a stage that are chosen by name, and where the notes hold their base class."""


def completion(args: list[str]) -> int:
    """Print the script for a shell, by the arguments after ``fdd completion``, and return the exit code."""
    parser = LineParser(
        prog="fdd completion",
        description="Print a script that lets a shell complete commands, options, and the names of the menu as it is "
        "now. Needs `pip install 'fdd-lightning[completion]'`.",
        example='eval "$(fdd completion bash)"          # in ~/.bashrc; for zsh after compinit in ~/.zshrc',
    )
    parser.add_argument("shell", choices=SHELLS)
    shell = parser.parse_args(args).shell
    try:
        import shtab
    except ModuleNotFoundError:
        raise DependencyNotFoundError(
            "fdd completion needs shtab: python -m pip install 'fdd-lightning[completion]'"
        ) from None
    print(shtab.complete(whole_parser(), shell=shell))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """Return one parser of all commands, with what completes each argument."""
    whole = argparse.ArgumentParser(prog="fdd")
    whole.add_argument("--version", action="store_true", help="the version")
    below = whole.add_subparsers(dest="command")
    for command, where in COMMANDS.items():
        module = import_module(f"fdd_lightning.command_line.{where.split('.')[0]}")
        actions = getattr(module, "ACTIONS", None)
        parser = below.add_parser(command, help=command)  # shtab hides those without a help
        if where.startswith("stage."):
            _add_stage(parser, command)
        elif actions is None:
            _copy(parser_of(command), parser)
            _add_names(parser, command)
        else:
            inner = parser.add_subparsers(dest="action")
            for action in actions:
                each = inner.add_parser(action, help=action)
                _copy(parser_of(command, action), each)
                _add_names(each, command)
    return whole


def _copy(known: argparse.ArgumentParser | None, parser: argparse.ArgumentParser) -> None:
    """Add what a command's own parser takes."""
    for action in known._actions if known is not None else ():
        if isinstance(action, argparse._HelpAction):
            continue
        parser._add_action(action)
        if not action.choices and not isinstance(action, argparse._StoreTrueAction):
            _complete(action, menu.kinds() if action.dest == "kinds" else _menu_names(action.dest))


def _add_names(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the names of data sets, which the commands that take them read by themselves."""
    if not parser._get_positional_actions():
        _complete(parser.add_argument("names", nargs="*"), menu.names("data"))


def _add_stage(parser: argparse.ArgumentParser, stage: str) -> None:
    """Add the options of a stage, by what was noted of its classes; without notes they are written first."""
    noted = NotedClasses.read()
    if noted is None:
        from fdd_lightning.stages.noting import note_classes

        note_classes()
        noted = NotedClasses.read()
    if noted is None:  # there is no cache
        return
    known: dict[str, Iterable[Any]] = dict.fromkeys(noted.notes["stages"][stage]["options"], ())
    facts = {*noted.notes["stages"][stage]["facts"]}
    for section, key in SECTIONS.items():
        base = noted.notes["stages"][stage][key]
        classes = [base, *noted.below(base)]
        folders = {noted.menu(cls) for cls in classes} - {""} or {section}
        entries = [(folder, name) for folder in sorted(folders) for name in menu.names(folder)]
        known[f"--{section}"] = [name for folder, name in entries if _class_of(folder, name) in classes]
        for cls in classes:
            for argument in {*noted.arguments(cls)} - facts:
                known.setdefault(f"--{section}.{argument}", _values(noted, cls, argument))
    for word, values in sorted(known.items()):
        if word.startswith("--") and not word.endswith(("+", ".help")) and word != "--help":
            _complete(parser.add_argument(word), values)


def _class_of(folder: str, name: str) -> str:
    """Return the class of an entry of the menu; empty where it holds none."""
    try:
        return str(menu.find(folder, name)["class_path"])
    except FDDError:
        return ""


def _values(noted: NotedClasses, cls: str, argument: str) -> list[str]:
    """Return the values that an argument of a class may have, where they can be listed."""
    classes, _ = noted.arguments(cls)[argument]
    folders = [noted.menu(each) for each in classes]
    bare = [noted.name(each) for base in classes for each in noted.below(base) if not noted.is_abstract(each)]
    kind = noted.of(cls)["arguments"][argument]["type"]
    if classes:
        return [name for folder in folders if folder for name in menu.names(folder)] or bare
    if kind == "bool":
        return ["true", "false"]
    return [str(value) for value in kind[1]] if isinstance(kind, list) and kind[0] == "Literal" else []


def _menu_names(word: str) -> list[str]:
    """Return the names of the kind of menu that an argument is called by; none for others."""
    return next((menu.names(kind) for kind in menu.kinds() if kind.removesuffix("s") == word.removesuffix("s")), [])


def _complete(action: argparse.Action, names: Iterable[Any]) -> None:
    """Let an argument be completed by names, or by files where there are none."""
    import shtab

    if chosen := list(names):
        action.choices = chosen
    else:
        action.complete = shtab.FILE  # type: ignore[attr-defined]
