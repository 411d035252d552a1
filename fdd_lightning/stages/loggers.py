"""Lightning's loggers, by their own names, in a stage's output folder: there they go on where the stage does."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from fdd_lightning.configuration.arguments import options
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.files import atomic_path

CURVES = "tensorboard"
"""The folder of TensorBoard's events, in the output folder."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "TensorBoardLogger": {"name": "", "version": CURVES, "default_hp_metric": False},
    "CSVLogger": {"name": "", "version": "csv"},
    "WandbLogger": {"project": "fdd-lightning"},
}
"""What loggers take besides the output folder, where the user does not say it."""
PACKAGES = {"WandbLogger": "wandb", "MLFlowLogger": "mlflow", "CometLogger": "comet_ml", "NeptuneLogger": "neptune"}
"""What loggers need that is not installed with this package."""
REMEMBERED = Path("wandb", "fdd-run-id")
"""Where in an output folder the id of its run at Weights & Biases stands."""


def with_folder(words: Sequence[str], folder: str) -> list[str]:
    """Return the arguments of a stage with its loggers' own arguments filled in.

    Args:
        words: Arguments beside model and data.
        folder: The stage's output folder.

    Raises:
        ConfigError: A logger needs a package that is not installed.

    Example:
        >>> with_folder(["--trainer.logger=CSVLogger"], "x")[0].partition("=")[2][:26]
        '{"class_path": "CSVLogger"'
    """
    found = []
    for key, value, own in options(words):
        if key in ("trainer.logger", "trainer.logger+"):
            found.append(f"--{key}={_text(_filled(_value(value), folder))}")
        elif key == "config" and value.startswith("{") and "logger" in (json.loads(value).get("trainer") or {}):
            content = json.loads(value)
            content["trainer"]["logger"] = _filled(content["trainer"]["logger"], folder)
            found.append(f"--config={json.dumps(content)}")
        else:
            found += own
    return found


def _value(text: str) -> Any:
    """Return what a logger's option says; what is no YAML is left to the parser."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _filled(value: Any, folder: str) -> Any:
    """Return loggers with their arguments filled in; what is none is returned as it is."""
    if isinstance(value, list):
        return [_filled(each, folder) for each in value]
    spec = {"class_path": value} if isinstance(value, str) else value
    if not isinstance(spec, dict) or not isinstance(spec.get("class_path"), str):
        return value
    name = spec["class_path"].rpartition(".")[2]
    package = PACKAGES.get(name)
    if package is not None and find_spec(package) is None:
        raise ConfigError(f"--trainer.logger {name} needs a package that is not here: pip install {package}")
    if name not in DEFAULTS:
        return value
    return {**spec, "init_args": {"save_dir": folder, **DEFAULTS[name], **(spec.get("init_args") or {})}}


def in_folder(given: Any, folder: Path, step: Callable[[], int]) -> Any:
    """Return a stage's loggers: those given, or TensorBoard's where none are.

    Those in the output folder go on from the step that the stage goes on from: what came after it is dropped. What
    other work logged there is kept aside.

    Args:
        given: What the trainer was given: a logger, several, None, or whether there are any.
        folder: The output folder.
        step: Gives that step; 0: the stage begins.
    """
    if isinstance(given, bool):
        return given
    several = given if isinstance(given, list) else [given]
    return [_of_folder(logger, folder, step()) for logger in several]


def _of_folder(logger: Logger | None, folder: Path, step: int) -> Logger:
    place = folder / CURVES if logger is None else Path(getattr(logger, "log_dir", None) or os.devnull)
    if isinstance(logger, WandbLogger) or place.parent.absolute() != folder.absolute():
        assert logger is not None
        return logger
    if not step:
        _set_aside(place)
    if isinstance(logger, CSVLogger):
        _go_on(logger, step)
        return logger
    arguments = {"save_dir": folder, "version": place.name, **DEFAULTS["TensorBoardLogger"]}
    return TensorBoardLogger(**arguments | {"version": place.name, "purge_step": step or None})


def _set_aside(folder: Path) -> None:
    """Give what other work logged another name."""
    if folder.is_dir():
        names = (folder.with_name(f"{folder.name}-{n}") for n in count(1))
        folder.rename(next(name for name in names if not name.exists()))


def _go_on(logger: CSVLogger, step: int) -> None:
    """Let a table go on: Lightning begins it anew."""
    table = Path(logger.log_dir, "metrics.csv")
    if not step or not table.is_file():
        return
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("step", "").isdecimal() and int(row["step"]) < step]
    logger.experiment.metrics = [{key: value for key, value in row.items() if value} for row in rows]
    logger.save()


def remember_run(chosen: Any, folder: Path, goes_on: bool) -> None:
    """Give a run at Weights & Biases an id of its own, which the same command again goes on with.

    Args:
        chosen: The loggers of a parsed configuration, which are changed.
        folder: The stage's output folder.
        goes_on: Whether the stage goes on, or begins.
    """
    for arguments in _wandb(chosen):
        if arguments.get("id") is None and arguments.get("version") is None:
            file = folder / REMEMBERED
            if not (goes_on and file.is_file()):
                file.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(file) as path:
                    path.write_text(uuid4().hex[:12])
            arguments["id"] = file.read_text().strip()


def _wandb(chosen: Any) -> Iterator[Any]:
    """Yield the arguments of each logger of Weights & Biases."""
    for each in chosen if isinstance(chosen, list) else [chosen]:
        if hasattr(each, "get") and str(each.get("class_path")).rpartition(".")[2] == "WandbLogger":
            yield each["init_args"]


def tell(logger: Logger, told: dict[str, Any], figures: dict[str, float]) -> None:
    """Write down at the end what a stage was set to and what it came to."""
    if isinstance(logger, TensorBoardLogger):
        logger.log_hyperparams(told, figures)
    else:  # figures were logged on the way; a table of settings with figures is TensorBoard's
        logger.log_hyperparams(told)
        logger.save()
    logger.finalize("success")
    if isinstance(logger, WandbLogger):
        logger.experiment.finish()  # or the next stage's would go on in it
