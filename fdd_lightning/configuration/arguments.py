"""What the command line and its configuration files say of a stage's model and data, put together to one spec each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError

CONFIG_FLAGS = ("--config", "-c")
SECTIONS = ("model", "data")


@dataclass
class Arguments:
    """The arguments of a stage.

    Attributes:
        specs: What is said of ``model`` and ``data``: specs, or arguments without a class; later words go over earlier.
        others: All other arguments, in their order; what configuration files say of them as ``--config=JSON``.
        values: The values of the others that stand at the top level, ``synthetic`` say.
        sections: What configuration files say at their top level besides ``model`` and ``data``, and which does.

    Example:
        >>> read(["--data", "ColoredDigits", "--data.seed=3"]).specs
        {'data': {'class_path': 'ColoredDigits', 'init_args': {'seed': '3'}}}
    """

    specs: dict[str, Any] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, Path] = field(default_factory=dict)

    def say(self, section: str, change: Any) -> None:
        """Put something over what is said of a section: a spec, arguments, or the name of a class."""
        self.specs[section] = menu.merged(self.specs.get(section), change)


def place_of(path: str) -> str | None:
    """Return where a class stands in a configuration, if it has one place."""
    found: str | None = getattr(import_class(path), "place", None)
    return found


def read(args: Sequence[str], place: Callable[[str], str | None] = place_of) -> Arguments:
    """Take the arguments of a stage, all that follows ``fdd STAGE``, apart.

    Args:
        args: The arguments.
        place: Tells where a class stands in a configuration.

    Raises:
        ConfigError: A configuration file is missing, no YAML, or holds nothing that can be placed.
    """
    result = Arguments()
    for key, value, words in options(args):
        section, _, rest = key.partition(".")
        try:
            _parsed(value)
        except menu.DuplicateKeyError as error:
            raise ConfigError(f"--{key}: {error}") from None
        if f"--{key}" in CONFIG_FLAGS or key == "c":
            _read_config(value, result, place)
        elif section in SECTIONS and rest != "help":
            if rest in ("", "class_path"):
                result.say(section, _spec(_parsed(value)))
            else:
                name = rest.removeprefix("init_args.")
                result.say(section, {"init_args": _appended(result.specs.get(section), name, _parsed(value))})
        else:
            result.others += words
            result.values[key] = value
    return result


def options(args: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each option's name and value, and its words; what is no option has no name."""
    left = list(args)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            yield "", word, [word]
        elif equals:
            yield name.lstrip("-"), value, [word]
        elif left and not left[0].startswith("--") and name not in ("--help", "-h", "--print_config"):
            yield name.lstrip("-"), (value := left.pop(0)), [word, value]
        else:
            yield name.lstrip("-"), "", [word]


def _parsed(text: str) -> Any:
    """Return mappings and lists as such; other values are words, for the parser to read by their types."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return menu.load_yaml(text)
    except menu.DuplicateKeyError:
        raise
    except yaml.YAMLError:
        return text


def _appended(spec: Any, name: str, value: Any) -> dict[str, Any]:
    """Return an argument as a change; ``name+`` adds to the list that is there."""
    if not name.endswith("+"):
        return {name: value}
    name = name.removesuffix("+")
    before = ((spec or {}).get("init_args") or {}).get(name) or []
    return {name: [*before, *(value if isinstance(value, list) else [value])]}


def _spec(value: Any) -> Any:
    """Return what a section says as a spec: of a bare name its class, of bare arguments no class."""
    if isinstance(value, str):
        path = Path(value)
        return menu.spec_in(path, "") if path.suffix in menu.ENDINGS and path.is_file() else {"class_path": value}
    if isinstance(value, dict) and not menu.is_spec_like(value):
        return {"init_args": value}
    if value and not isinstance(value, dict):
        raise ConfigError(f"{str(value)[:80]!r} is no model and no data: name a class, or give its arguments")
    return value or {"init_args": {}}


def _read_config(name: str, result: Arguments, place_of: Callable[[str], str | None]) -> None:
    """Read a configuration file, or an entry of the menu: ``method/dm``, ``configs/method/dm.yaml``."""
    file = _config_file(name)
    content = menu.read_yaml(file)
    if content is None:
        return
    if not isinstance(content, dict):
        raise ConfigError(f"{file} is no configuration: it must hold sections such as `model:` and `data:`")
    if "class_path" in content or "based_on" in content:
        spec = menu.spec_in(file, file.parent.name)
        place = place_of(spec["class_path"])
        if place is None:
            raise ConfigError(
                f"{file}: {spec['class_path']} has no place of its own in a configuration: name it by its option"
            )
        section, _, argument = place.partition(".")
        result.say(section, {"init_args": {argument: spec}} if argument else spec)
        return
    for section in SECTIONS:
        if section in content:
            result.say(section, _spec(content[section]))
    others = {key: value for key, value in content.items() if key not in SECTIONS}
    if others:
        result.others.append(f"--config={json.dumps(others)}")
        result.values |= others
        result.sections |= dict.fromkeys(others, file)


def _config_file(name: str) -> Path:
    """Return a configuration file by its path or its place in the menu.

    Raises:
        ConfigError: There is none.
    """
    menu.refuse_address(name)
    path = Path(name)
    if path.is_file():
        return path
    parts = path.parts[1:] if path.parts[:1] == ("configs",) else path.parts
    file = menu.file_of(parts[0], Path(*parts[1:])) if len(parts) > 1 else None
    if file is None:
        names = menu.names(parts[0]) if len(parts) > 1 else []
        kinds = f"; configs/{parts[0]} has {', '.join(names)}" if names else ""
        raise ConfigError(f"--config {name}: there is no such file, and nothing of that name in the menu{kinds}")
    return file
