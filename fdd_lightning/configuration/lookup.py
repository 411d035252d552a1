"""What a command line leaves to be found: files of the menu, and the data set that a synthetic set names."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.configuration.choices import Spec, build, import_class
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, FDDError
from fdd_lightning.utils.paths import find_config

CONFIG_FLAGS = ("--config", "-c")


def with_menu(args: Sequence[str]) -> list[str]:
    """Return the arguments with configuration files that are named by their place in the menu found.

    Raises:
        ConfigError: A file is no mapping in YAML.
    """
    found = list(args)
    for i, arg in enumerate(args):
        key, equals, value = arg.partition("=")
        if key in CONFIG_FLAGS and equals:
            found[i] = f"{key}={_checked(find_config(value))}"
        elif i and args[i - 1] in CONFIG_FLAGS:
            found[i] = str(_checked(find_config(arg)))
    return found


def names_class(section: str, args: Sequence[str]) -> bool:
    """Tell whether the arguments (see :func:`with_menu`) or one of their configuration files choose a class.

    Its arguments alone, ``--data.root=elsewhere`` say, do not: they go with whichever class is chosen.

    Args:
        section: ``model`` or ``data``.
        args: The arguments of a stage.
    """
    for i, arg in enumerate(args):
        key, equals, value = arg.partition("=")
        if key in (f"--{section}", f"--{section}.class_path"):
            return True
        if key in CONFIG_FLAGS and (equals or i + 1 < len(args)):
            file = Path(value if equals else args[i + 1])
            content = yaml.safe_load(file.read_text()) if file.is_file() else None
            found = content.get(section) if isinstance(content, dict) else None
            if isinstance(found, str) or (isinstance(found, dict) and "class_path" in found):
                return True
    return False


def value_of(section: str, name: str, args: Sequence[str]) -> Any:
    """Return what the arguments (see :func:`with_menu`) or their configuration files say of an argument of a class.

    The last one counts; None where none says it.

    Args:
        section: ``model`` or ``data``.
        name: The argument of the class.
        args: The arguments of a stage.
    """
    said = None
    for i, arg in enumerate(args):
        key, equals, value = arg.partition("=")
        value = value if equals else args[i + 1] if i + 1 < len(args) else ""
        if key in (f"--{section}.{name}", f"--{section}.init_args.{name}"):
            said = value
        elif key in CONFIG_FLAGS and Path(value).is_file():
            content = yaml.safe_load(Path(value).read_text())
            found = content.get(section) if isinstance(content, dict) else None
            inner = found.get("init_args") if isinstance(found, dict) else None
            said = inner[name] if isinstance(inner, dict) and name in inner else said
    return said


def without_data(args: Sequence[str]) -> list[str]:
    """Return the arguments without those of the data set (``--data.root=elsewhere``, or in two words)."""
    kept: list[str] = []
    skip = False
    for arg in args:
        own = arg.startswith("--data.")
        if not own and not (skip and not arg.startswith("--")):
            kept.append(arg)
        skip = own and "=" not in arg
    return kept


def data_of(path: str) -> tuple[str, list[str]]:
    """Return the menu's file of the data set that a synthetic set names, and its parameters as overrides.

    Raises:
        ConfigError: The menu has no data set of that name, or its construction has changed.
        FDDError: The set cannot be read.
    """
    metadata = SyntheticSet.load(path).metadata
    name = str(metadata.get("dataset"))
    config = find_config(f"data/{name}")
    if not re.fullmatch(r"\w+", name) or not config.is_file():
        raise ConfigError(f"{path} was made from data set {name!r}, which is not in configs/data: pass --data")
    spec = yaml.safe_load(config.read_text())["data"]
    kind: Any = import_class(spec["class_path"])
    arguments = kind.arguments(metadata.get("data_parameters") or {})
    # Texts as they are: the parser takes quotes for a part of them.
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    return str(config), [f"--data.{key}={text}" for key, text in texts.items()]


def build_data(spec: Spec) -> BaseDataModule:
    """Build a data module from its spec; nothing is read from disk."""
    cls = import_class(spec["class_path"])
    module: BaseDataModule = cls(**{k: build(v) for k, v in (spec.get("init_args") or {}).items()})
    return module


def source_state(spec: Spec | None) -> str | None:
    """Return the state of a data set's source files; None if it has no states, or cannot be had."""
    try:
        return build_data(spec).source_state() if spec else None
    except FDDError:  # said where the data are read
        return None


def _checked(file: Path) -> Path:
    """Return a configuration file as it is; the parser would not say which of several cannot be read."""
    if file.is_file():
        try:
            content = yaml.safe_load(file.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} is no valid YAML: {' '.join(str(error).split())}") from None
        if not isinstance(content, dict | None):
            raise ConfigError(f"{file} is no configuration: it must hold sections such as `model:` and `data:`")
    return file
