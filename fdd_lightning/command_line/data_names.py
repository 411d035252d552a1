"""What a typed name of a data set stands for, and what is plainly wrong with its arguments: without importing any."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec, is_spec
from fdd_lightning.errors import ConfigError
from fdd_lightning.stages.early import problem_of
from fdd_lightning.stages.messages import explain
from fdd_lightning.stages.noted_classes import NotedClasses, NotNotedError
from fdd_lightning.utils.paths import PACKAGE

COMMAND = "data"
MODULES = PACKAGE / "datamodules"


@dataclass(frozen=True)
class DataName:
    """What a name stands for.

    Attributes:
        where: What names the class: the file, or the name itself.
        class_path: A class path, or the name alone of a class of ours.
        arguments: Init arguments that its YAML file gives.
        note: What the first sentence of its YAML file says, up to the first colon; empty without one.

    Example:
        >>> data_named("cmnist").class_path
        'fdd_lightning.datamodules.CMNIST'
    """

    where: str
    class_path: str
    arguments: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def close_to(word: str, known: Iterable[str]) -> str:
    """Return what may have been meant, ready to stand in a sentence; empty if nothing is near."""
    near = difflib.get_close_matches(word, list(known))
    return f"did you mean {' or '.join(near)}?" if near else ""


def data_named(name: str) -> DataName:
    """Return what a name of the menu, a class path, or a YAML file with a spec or a section ``data`` stands for.

    Raises:
        ConfigError: There is none.
    """
    menu.refuse_address(name)
    file = menu.file_of(COMMAND, name) if name else None
    if file is not None:
        return _read(file)
    if name.endswith((".yaml", ".yml")):
        raise ConfigError(f"file {name!r} does not exist: name a YAML file with a section `data`")
    if _is_ours(name) or ("." in name and "/" not in name):
        return DataName(name, name)
    names = menu.names(COMMAND)
    near = close_to(name, names) or f"choose one of {', '.join(names)}"
    raise ConfigError(f"data set {name!r} is neither in configs/data nor a YAML file or class path: {near}")


def _is_ours(name: str) -> bool:
    """Tell whether a name stands among our data modules."""
    if not name.isidentifier():
        return False
    text = (MODULES / "__init__.py").read_text(encoding="utf-8")
    return (MODULES / f"{name}.py").is_file() or re.search(
        rf"import .*\b{name}\b|^ +{name},$", text, re.MULTILINE
    ) is not None


def _read(file: Path) -> DataName:
    content = menu.read_yaml(file)
    several = isinstance(content, dict) and len(content) > 1 and is_spec(content.get(COMMAND))
    spec: Spec = content[COMMAND] if several else menu.spec_in(file, COMMAND)
    note = menu.note(file).partition(":")[0]
    return DataName(str(file), str(spec["class_path"]), dict(spec.get("init_args") or {}), note)


def require_arguments(name: str, known: Sequence[str], keys: Iterable[str]) -> None:
    """Refuse an argument that a data set does not have.

    Raises:
        ConfigError: Names it, and what may have been meant.
    """
    for key in keys:
        if key.partition(".")[0].removesuffix("+") not in known:
            near = close_to(key, known) or f"it has {', '.join(known) or 'none'}"
            raise ConfigError(f"{name}: --{COMMAND}.{key}: no such argument: {near}")


def refuse_early(names: Sequence[str], options: Sequence[str]) -> None:
    """Refuse data sets that do not exist and arguments that are plainly wrong, word for word as is done later.

    Raises:
        ConfigError: With the line.
    """
    found = {name: data_named(name) for name in names}
    noted = NotedClasses.read()
    if noted is None:
        return
    for name, named in found.items():
        try:
            _refuse_arguments(name, named, options, noted)
        except NotNotedError:
            return


def _refuse_arguments(name: str, named: DataName, options: Sequence[str], noted: NotedClasses) -> None:
    path = named.class_path
    cls = noted.named(path if "." in path else f"fdd_lightning.datamodules.{path}")
    if noted.is_abstract(cls):
        raise NotNotedError(cls)
    known = list(noted.arguments(cls))
    require_arguments(name, known, named.arguments)
    given = dict(option.removeprefix(f"--{COMMAND}.").partition("=")[::2] for option in options)
    require_arguments(name, known, given)
    values = {key: value for key, value in {**named.arguments, **given}.items() if key in known}
    problems = [problem_of(noted.plain_type(cls, key), value, f"{COMMAND}.{key}") for key, value in values.items()]
    told = [problem for problem in problems if problem is not None]
    if len(told) == 1:
        raise ConfigError(f"{name}: {explain(told[0], COMMAND)}")
