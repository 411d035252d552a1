"""What is wrong with a stage's command line and can be told at once, before torch and Lightning are imported.

Only what is told here word for word as the stage tells it: everything else is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from fdd_lightning.configuration.arguments import Arguments, options, read
from fdd_lightning.configuration.choices import Spec, is_spec
from fdd_lightning.configuration.completion import NO_DEFAULT
from fdd_lightning.errors import ConfigError, FDDError, FileFormatError
from fdd_lightning.stages.messages import explain, with_help
from fdd_lightning.stages.noted_classes import NotedClasses, NotNotedError
from fdd_lightning.stages.settling import Settled, no_such_file, settled
from fdd_lightning.utils.checks import require

VALUE = "value"


class _Wrong(Exception):
    """What a parser of one value says."""


class _ValueParser(ArgumentParser):
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise _Wrong(message) from ex


def refuse_early(stage: str, args: Sequence[str], noted: NotedClasses) -> None:
    """Refuse a stage's command line if it is plain what is wrong with it.

    Raises:
        FDDError: With the line that the stage would say.
    """
    words = [word.partition("=")[0] for word in args]
    if any(word == "-h" or word.endswith("help") or word.startswith("--print_config") for word in words):
        return
    try:
        try:
            arguments = read(args, noted.place)
            given = settled(noted.stage_kind(stage), arguments)
        except ConfigError as error:
            raise ConfigError(with_help(str(error), stage)) from error
        problems = [*_values(given, noted), *_options(stage, args, noted)] or _later(stage, arguments, given, noted)
    except NotNotedError:
        return
    if len(problems) == 1:  # of several the stage knows which comes first
        raise problems[0]


def _values(given: Settled, noted: NotedClasses) -> Iterator[FDDError]:
    """Yield what is wrong with plain values of model and data."""
    for section, spec in given.specs.items():
        yield from _values_of(spec, section, noted)


def _values_of(spec: Spec, key: str, noted: NotedClasses) -> Iterator[FDDError]:
    arguments = noted.arguments(noted.named(spec["class_path"]))
    for name, value in spec["init_args"].items():
        if is_spec(value):
            yield from _values_of({"init_args": {}, **value}, f"{key}.{name}", noted)
        elif name in arguments and value != arguments[name][1]:
            problem = problem_of(noted.plain_type(spec["class_path"], name), value, f"{key}.{name}")
            if problem is not None:
                yield ConfigError(explain(problem, ""))


def problem_of(kind: Any, value: Any, key: str) -> str | None:
    """Return what the parser says of a value that is not of a type, if it says anything.

    Example:
        >>> print(*problem_of(int, "x", "model.seed").split())
        Parser key "model.seed": Expected a <class 'int'>. Got value: x
    """
    try:
        parsed(kind, value)
    except _Wrong as wrong:
        return str(wrong).replace(f'"{VALUE}"', f'"{key}"')
    return None


def parsed(kind: Any, value: Any) -> Any:
    """Return a value as its type has it, where that is known.

    Example:
        >>> parsed(float, "1e-3")
        0.001
    """
    if kind is NO_DEFAULT:
        return value
    parser = _ValueParser(add_help=False)
    parser.add_argument(f"--{VALUE}", type=kind)
    return parser.parse_object({VALUE: value})[VALUE]


def _options(stage: str, args: Sequence[str], noted: NotedClasses) -> Iterator[FDDError]:
    """Yield what is wrong with options beside model and data: those that do not exist, values of the trainer's."""
    known = {option.lstrip("-") for option in noted.notes["stages"][stage]["options"]}
    trainer: str = noted.notes["trainer"]
    for key, value, words in options(args):
        parts = key.removesuffix("+").split(".")
        if parts[0] in ("model", "data", "config", "c"):
            continue
        if not key or not words[0].startswith("--"):
            raise NotNotedError(words[0])
        if not any(".".join(parts[:length]) in known for length in range(1 + (parts[0] == "trainer"), len(parts) + 1)):
            yield ConfigError(with_help(f"unrecognized arguments: {' '.join(words)}", stage))
        elif parts[0] == "trainer" and len(parts) == 2 and parts[1] in noted.arguments(trainer):
            problem = problem_of(noted.plain_type(trainer, parts[1]), value, key)
            if problem is not None:
                yield ConfigError(explain(problem, stage))


def _later(stage: str, arguments: Arguments, given: Settled, noted: NotedClasses) -> list[FDDError]:
    """Return what is wrong with input files and ranges, where nothing else can be wrong before they are looked at."""
    data = arguments.specs.get("data") or {}
    hardware = {"ckpt_path", "trainer.devices", "trainer.accelerator"} & {*arguments.values}
    if hardware or arguments.sections or data.get("init_args"):
        return []
    if not noted.of(given.specs["data"]["class_path"])["has_shape"]:
        return []
    flags = noted.notes["stages"][stage]["flags"]
    missing = [flag for flag in flags if flag in arguments.values and not Path(arguments.values[flag]).exists()]
    if missing:
        return [FileFormatError(no_such_file(missing[0], arguments.values[missing[0]], flags[missing[0]]))]
    return list(_ranges(stage, given.specs["model"], noted))


def _ranges(stage: str, model: Spec, noted: NotedClasses) -> Iterator[FDDError]:
    """Yield which numbers of the model are out of their range."""
    cls = model["class_path"]
    for noted_range in noted.of(cls)["ranges"]:
        values = {
            name: parsed(noted.plain_type(cls, argument), model["init_args"].get(argument))
            for name, argument in noted_range["names"].items()
        }
        try:
            require(values, **noted_range["limits"])
        except ConfigError as error:
            yield ConfigError(with_help(str(error), stage))
