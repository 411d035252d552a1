"""The arguments of a stage with model and data as whole specs, by what is known of their classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fdd_lightning.configuration import completion
from fdd_lightning.configuration.arguments import SECTIONS, Arguments
from fdd_lightning.configuration.choices import Spec
from fdd_lightning.configuration.menu import merged
from fdd_lightning.errors import ConfigError


@dataclass(frozen=True)
class Settled:
    """The arguments of a stage with model and data as whole specs, every default of their classes filled in.

    Attributes:
        specs: Those of ``model`` and ``data``.
        others: All other arguments.

    Example:
        >>> Settled({"data": {"class_path": "a.B"}}, ("--output=x",)).words()
        ['--data={"class_path": "a.B"}', '--output=x']
    """

    specs: dict[str, Spec]
    others: tuple[str, ...]

    def words(self) -> list[str]:
        """Return them as they are typed."""
        return [*(f"--{section}={json.dumps(spec)}" for section, spec in self.specs.items()), *self.others]


@dataclass(frozen=True)
class StageKind:
    """What has to be known of a kind of stage.

    Attributes:
        name: The subcommand.
        base: Base class of its models.
        default: Bare name of its default model.
        data: Base class of data modules.
        default_data: Bare name of the default data module.
        facts: What the model takes from the data.
        flags: Its input files and folders, and what each is.
        classes: What is known of classes.
        is_below: Tells whether a class is derived from another.
        implied: Returns the arguments of a model's class that follow from those given.
        data_of_set: Returns the data that a synthetic set names, with arguments given.
    """

    name: str
    base: Any
    default: str
    data: Any
    default_data: str
    facts: tuple[str, ...]
    flags: Mapping[str, str]
    classes: completion.Classes
    is_below: Callable[[Any, Any], bool]
    implied: Callable[[Any, Mapping[str, Any]], dict[str, Any]]
    data_of_set: Callable[[str, Any], Spec]


def settled(kind: StageKind, arguments: Arguments) -> Settled:
    """Return the arguments of a stage, settled.

    ``eval --synthetic FILE`` without a data set takes the one that the file names. How arguments are read stands in
    :mod:`fdd_lightning.configuration.arguments`.

    Raises:
        ConfigError: A class, an option or an entry of the menu does not exist.
    """
    data, model = (arguments.specs.get(section) or {"init_args": {}} for section in ("data", "model"))
    if "class_path" not in data:
        synthetic = arguments.values.get("synthetic") if "synthetic" in kind.flags else None
        there = kind.data_of_set(synthetic, data.get("init_args")) if synthetic else {"class_path": kind.default_data}
        data = merged(there, data)
    model = _with_implied({"class_path": kind.default, **model}, kind)
    for fact in kind.facts:  # they come from the data
        model["init_args"].pop(fact, None)
    _refuse_others(kind, arguments)
    specs = {
        "model": completion.complete(model, (kind.base,), "model", kind.classes),
        "data": completion.complete(data, (kind.data,), "data", kind.classes),
    }
    return Settled(specs, tuple(arguments.others))


def _refuse_others(kind: StageKind, arguments: Arguments) -> None:
    """Refuse what a stage has no place for, and options that would name nothing.

    Raises:
        ConfigError: Names the first.
    """
    paths = ("ckpt_path", *kind.flags)
    known = {"trainer", "seed_everything", "output", *paths}
    for key, file in arguments.sections.items():
        if key not in known:
            keys = ", ".join(sorted({*known, *SECTIONS}))
            raise ConfigError(f"{file}: {key!r} is no key of a configuration of `fdd {kind.name}`: the keys are {keys}")
    if arguments.values.get("output", "") is None:
        raise ConfigError("--output null names no folder: name one, or leave the option out")
    for key in paths:
        said = arguments.values.get(key)
        if isinstance(said, str) and not said.strip():
            raise ConfigError(f"--{key} {said!r} names nothing: name a file or folder, or leave the option out")
    if arguments.values.get("seed_everything", 0) not in (0, "0", False, "false"):
        raise ConfigError(
            "--seed_everything has no effect here: every draw comes from --model.seed (networks, batches, images) and "
            "--data.seed (the data set, where it is drawn)"
        )


def _with_implied(model: Spec, kind: StageKind) -> Spec:
    """Return a model's spec with the arguments that a preset implies, so that parts of them can be changed."""
    named = completion.spec_named(str(model["class_path"]), (kind.base,), kind.classes)
    if named is None:
        return {"init_args": {}, **model}
    model = merged(named, {"init_args": model.get("init_args") or {}})
    cls = kind.classes.named(model["class_path"])
    if not kind.is_below(cls, kind.base):
        raise ConfigError(f"--model: {model['class_path']} is no {kind.classes.name(kind.base)}")
    try:
        implied = kind.implied(cls, model["init_args"])
    except ConfigError as error:
        raise ConfigError(f"--model.{error}") from None
    return dict(merged({"class_path": model["class_path"], "init_args": implied}, model))


def no_such_file(flag: str, path: Any, what: str) -> str:
    """Say that an input file is missing."""
    return f"--{flag} {path}: no such file; {what}"
