"""Data modules by the names that are typed, with arguments spelt as the stages spell them."""

from __future__ import annotations

import inspect
from argparse import SUPPRESS
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jsonargparse import ArgumentParser

from fdd_lightning import datamodules
from fdd_lightning.command_line.data_names import COMMAND, data_named, require_arguments
from fdd_lightning.configuration.choices import build, import_class
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError
from fdd_lightning.stages.messages import explain
from fdd_lightning.stages.refusal import FDDParser, Refusal


@dataclass(frozen=True)
class NamedData:
    """A data set as it was named.

    Attributes:
        name: A name of the menu, a class path, or the path of a YAML file.
        kind: The class of its data module.
        arguments: Init arguments that its YAML file gives.
        note: What the first sentence of its YAML file says, up to the first colon; empty without one.

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
        require_arguments(self.name, list(parser.get_defaults().as_dict().get(COMMAND, {})), keys)

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
    named = data_named(name)
    return NamedData(name, _data_class(named.where, named.class_path), named.arguments, named.note)


def _data_class(where: str, path: str) -> type[BaseDataModule]:
    """Return a data module's class by its path, or by its name alone where it is ours."""
    kind: Any = getattr(datamodules, path, None) or import_class(path)
    if not (isinstance(kind, type) and issubclass(kind, BaseDataModule)):
        raise ConfigError(f"{where}: {path} is no data module: derive it from BaseDataModule")
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise ConfigError(f"{where}: {path} cannot be built: it does not say {missing}, which every data module does")
    return kind
