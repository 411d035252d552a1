"""The parser that raises what is wrong, and the words for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, NoReturn

import yaml
from jsonargparse import set_parsing_settings
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser

from fdd_lightning.configuration.defaults import current_spec
from fdd_lightning.errors import ConfigError
from fdd_lightning.stages.messages import explain, with_help

set_parsing_settings(config_read_mode_urls_enabled=False, config_read_mode_fsspec_enabled=False)
"""Lightning switches the latter on: a choice could be an address, fetched while the command line is parsed."""
# Lightning's callbacks have enumerations as defaults, which YAML knows by their words.
yaml.SafeDumper.add_multi_representer(Enum, lambda dumper, value: dumper.represent_data(value.value))


class Refusal(ValueError):
    """What the parser says: a tree of many lines, which parsers inside parsers put together.

    Example:
        >>> raise Refusal("unrecognized arguments: --size 3")
        Traceback (most recent call last):
        fdd_lightning.stages.refusal.Refusal: unrecognized arguments: --size 3
    """


@contextmanager
def worded(stage: str) -> Iterator[None]:
    """Word what the parser, the classes that it builds, or Lightning refuse as one line.

    Raises:
        ConfigError: With that line.
    """
    try:
        yield
    except Refusal as error:
        raise ConfigError(explain(str(error), stage)) from error
    except ConfigError as error:
        raise ConfigError(with_help(str(error), stage)) from error
    except MisconfigurationException as error:
        raise ConfigError(" ".join(str(error).split())) from error


class FDDParser(LightningArgumentParser):
    """A parser whose errors are raised, without the usage block; options are written out in full.

    Example:
        >>> FDDParser().parse_args(["--size", "3"])
        Traceback (most recent call last):
        fdd_lightning.stages.refusal.Refusal: unrecognized arguments: --size 3
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message; see :func:`worded`."""
        raise Refusal(message) from ex

    def parse_object(self, cfg_obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Parse an object, a checkpoint's settings say; class paths of earlier releases are brought up to date."""
        return super().parse_object(current_spec(cfg_obj), *args, **kwargs)
