"""Data modules by the names that are typed, with arguments spelt as the stages spell them."""

from __future__ import annotations

import difflib
import inspect
from argparse import SUPPRESS
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from fdd_lightning import datamodules
from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec, build, import_class, is_spec
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError
from fdd_lightning.stages.messages import explain
from fdd_lightning.stages.refusal import FDDParser, Refusal

COMMAND = "data"


def close_to(word: str, known: Iterable[str]) -> str:
    """Return what may have been meant, ready to stand in a sentence; empty if nothing is near."""
    near = difflib.get_close_matches(word, list(known))
    return f"did you mean {' or '.join(near)}?" if near else ""


@dataclass(frozen=True)
class NamedData:
    """A data set as it was named.

    Attributes:
        name: A name of the menu, a class path, or the path of a YAML file.
        kind: The class of its data module.
        arguments: Init arguments that its YAML file gives.
        note: What the first line of its YAML file says, up to the first colon; empty without one.

    Example:
        >>> find("cmnist").data(["--data.conflict_ratio=0.01"]).conflict_ratio
        0.01
    """

    name: str
    kind: type[BaseDataModule]
    arguments: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    def parser(self) -> ArgumentParser:
        """Return a parser of the data module's arguments, below ``--data.``."""
        first = (inspect.getdoc(self.kind) or "").partition("\n\n")[0]
        parser = FDDParser(usage=SUPPRESS, description=f"{self.name}: {first}", add_help=False)
        parser.add_class_arguments(self.kind, COMMAND, as_group=False, fail_untyped=False)
        self._check(parser, self.arguments)
        with self._worded():  # before they become defaults, which are not checked
            parser.parse_object({COMMAND: self.arguments})
        parser.set_defaults({f"{COMMAND}.{key}": value for key, value in self.arguments.items()})
        return parser

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except Refusal as error:
            raise ConfigError(f"{self.name}: {explain(str(error), COMMAND)}") from None

    def _check(self, parser: ArgumentParser, keys: Iterable[str]) -> None:
        known = list(parser.get_defaults().as_dict().get(COMMAND, {}))
        for key in keys:
            if key.partition(".")[0].removesuffix("+") not in known:
                near = close_to(key, known) or f"it has {', '.join(known) or 'none'}"
                raise ConfigError(f"{self.name}: --{COMMAND}.{key}: no such argument: {near}")

    def data(self, options: Sequence[str] = ()) -> BaseDataModule:
        """Build the data module with options such as ``--data.key=value``; only what its class needs for that is read.

        Raises:
            ConfigError: An argument does not exist or cannot have this value.
        """
        parser = self.parser()
        self._check(parser, (option.partition("=")[0].removeprefix(f"--{COMMAND}.") for option in options))
        with self._worded():
            parsed = parser.parse_args(list(options))
        return self.kind(**{key: build(value) for key, value in parsed.as_dict().get(COMMAND, {}).items()})


def find(name: str) -> NamedData:
    """Return the data set of a name of the menu, a class path, or a YAML file with a spec or a section ``data``.

    Raises:
        ConfigError: There is none.
    """
    menu.refuse_address(name)
    file = menu.file_of(COMMAND, name) if name else None
    if file is not None:
        return _read(name, file)
    if name.endswith((".yaml", ".yml")):
        raise ConfigError(f"file {name!r} does not exist: name a YAML file with a section `data`")
    if hasattr(datamodules, name) or ("." in name and "/" not in name):
        return NamedData(name, _data_class(name, name))
    names = menu.names(COMMAND)
    near = close_to(name, names) or f"choose one of {', '.join(names)}"
    raise ConfigError(f"data set {name!r} is neither in configs/data nor a YAML file or class path: {near}")


def _read(name: str, file: Path) -> NamedData:
    content = menu.read_yaml(file)
    several = isinstance(content, dict) and len(content) > 1 and is_spec(content.get(COMMAND))
    spec: Spec = content[COMMAND] if several else menu.spec_in(file, COMMAND)
    kind = _data_class(str(file), str(spec["class_path"]))
    first = file.read_text(encoding="utf-8-sig").partition("\n")[0]
    note = first.lstrip("# ").partition(":")[0].strip() if first.startswith("#") else ""
    return NamedData(name, kind, dict(spec.get("init_args") or {}), note)


def _data_class(where: str, path: str) -> type[BaseDataModule]:
    """Return a data module's class by its path, or by its name alone where it is ours."""
    kind: Any = getattr(datamodules, path, None) or import_class(path)
    if not (isinstance(kind, type) and issubclass(kind, BaseDataModule)):
        raise ConfigError(f"{where}: {path} is no data module: derive it from BaseDataModule")
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise ConfigError(f"{where}: {path} cannot be built: it does not say {missing}, which every data module does")
    return kind
