"""From what a configuration or a file says of a data set to its data module; nothing is read before set-up."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fdd_lightning.artefacts.synthetic import SYNTHETIC
from fdd_lightning.configuration import defaults, menu
from fdd_lightning.configuration.choices import Spec, build, import_class
from fdd_lightning.configuration.named_by_files import require_known
from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.errors import ConfigError, FDDError


def data_module(spec: Spec) -> BaseDataModule:
    """Build a data module from its spec; nothing is read from disk."""
    module: BaseDataModule = build(spec)()
    return module


def source_state(spec: Spec | None) -> str | None:
    """Return the state of a data set's source files; None if it has no states, or cannot be had."""
    try:
        return data_module(spec).source_state() if spec else None
    except FDDError:  # said where the data are read
        return None


def own_paths(spec: Spec | None) -> list[Path]:
    """Return the files and folders of the user's own that a data set is read from; none if it cannot be had."""
    try:
        return data_module(spec).own_paths if spec else []
    except FDDError:  # said where the data are read
        return []


def entry_of(metadata: Mapping[str, Any]) -> str:
    """Return the menu's entry of the data set that a file was made from; older files have no other name for it."""
    return str(metadata.get("data_entry", metadata.get("dataset")))


def place_options(kind: type[BaseDataModule], arguments: Mapping[str, Any]) -> str:
    """Return the options that say where images of the user's own lie, of the arguments of a data set; mostly none."""
    return " ".join(f"--data.{name} {shlex.quote(str(arguments[name]))}" for name in kind.places(arguments))


def spec_of_set(path: str, given: Mapping[str, Any] | None = None) -> Spec:
    """Return the spec of the data set that a synthetic set names: the menu's, with the parameters of the file.

    Where its images lie the file cannot say: it may come from anyone, and would have any folder read.

    Args:
        path: The synthetic set.
        given: Arguments of the data set that the user says.

    Raises:
        ConfigError: The menu has no data set of that name, its construction has changed, or where it lies is not given.
        FDDError: The set cannot be read.
    """
    metadata = SYNTHETIC.open(path, unmarked=True)[1]
    name = entry_of(metadata)
    if "dataset" not in metadata:
        raise ConfigError(f"{path} does not say which data set it was made from: pass --data")
    if not re.fullmatch(r"\w+", name) or menu.file_of("data", name) is None:
        raise ConfigError(f"{path} was made from data set {name!r}, which is not in configs/data: pass --data")
    spec = menu.find("data", name)
    kind: Any = import_class(spec["class_path"])
    arguments = kind.arguments(metadata.get("data_parameters") or {})
    require_known({"class_path": spec["class_path"], "init_args": arguments}, path)
    if options := place_options(kind, {name: value for name, value in arguments.items() if name not in (given or {})}):
        raise ConfigError(
            f"{path} was made from images of somebody's own: say where they lie on this machine, as by {options}, or "
            "name the data by --data"
        )
    if "name" in defaults.parameters(kind):
        arguments["name"] = metadata["dataset"]  # rows of the set keep theirs, wherever its images have moved
    return dict(menu.merged(spec, {"init_args": arguments}))
