"""The command line of the stages: ``fdd fit``, ``fdd distill`` and ``fdd eval``, by LightningCLI."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import warnings
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, cast

import torch
import yaml
from lightning import LightningDataModule, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar, Timer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger

import fdd_lightning.augment
import fdd_lightning.datamodules
import fdd_lightning.learners
import fdd_lightning.matching.selectors
import fdd_lightning.networks  # noqa: F401 (imported, so that their classes can be named without a path)
from fdd_lightning.callbacks import ImageGrid, StageProgress
from fdd_lightning.choices import import_class, leaves
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.io import sha256_file
from fdd_lightning.memory import keep_freed_memory
from fdd_lightning.modules.base import StageModule
from fdd_lightning.modules.distiller import BaseDistiller
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.provenance import module_spec
from fdd_lightning.modules.selection import Selection  # noqa: F401
from fdd_lightning.modules.supcon import SupCon  # noqa: F401
from fdd_lightning.paths import find_config
from fdd_lightning.stages.folder import CHECKPOINT, StageFolder, StageRecord, config_fingerprint
from fdd_lightning.synthetic import SyntheticSet
from fdd_lightning.trainer import FDDTrainer

INSIDE_RUN = "FDD_INSIDE_RUN"
"""Set by `fdd run`: its own results.json gathers the rows of its evaluations."""

RESUME_EVERY = timedelta(seconds=10)
"""How much work a kill may cost."""

FLAGS = {"fit": (), "distill": ("encoder",), "eval": ("synthetic",)}
"""Input files of each stage, as top-level flags."""

FLAG_HELP = {
    "encoder": "file of the bias encoder (encoder.safetensors of `fdd fit`), where the weighting needs one",
    "synthetic": "the synthetic set to train on (synthetic.safetensors); without it the real training set",
}

STAGES: dict[str, tuple[type[StageModule], tuple[str, ...]]] = {
    "fit": (StageModule, ("num_classes", "num_groups", "image_shape")),
    "distill": (BaseDistiller, ("num_classes", "image_shape")),
    "eval": (Evaluator, ("num_classes", "num_groups", "image_shape")),
}
"""Base class of each stage's model, and the facts that it takes from the data."""

DEFAULT_MODEL = {"fit": "SupCon", "distill": "Distiller", "eval": "Evaluator"}


class StageFinished(Exception):
    """The very work that is asked for was done before."""


class UsageError(ConfigError):
    """The parser refuses the command line."""


def one_line(message: str) -> str:
    """Squeeze a parser's message, which may span many lines, into one."""
    lines = [re.sub(r"\s+", " ", line).strip(" -") for line in message.splitlines()]
    return ": ".join(line.rstrip(":") for line in lines if line)


class FDDParser(LightningArgumentParser):
    """A parser whose errors are one line, without the usage block."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message as an error of the user."""
        raise UsageError(one_line(message)) from ex


class SaveConfig(SaveConfigCallback):
    """Writes ``config.yaml`` into the stage's output folder; it can be run again."""

    def save_config(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Write the file."""
        path = Path(str(self.config["output"])) / "config.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.parser.save(self.config, str(path), skip_none=False, overwrite=True, multifile=False)


class FDDCLI(LightningCLI):
    """One stage: parse, resume or say finished, run, leave the artefact.

    Args:
        stage: The subcommand; only its parser is built.
        args: The arguments after the subcommand's name.
    """

    def __init__(self, stage: str, args: list[str]) -> None:
        self.stage = stage
        self.record = StageRecord(stage, "")
        super().__init__(
            LightningModule,
            LightningDataModule,
            save_config_callback=SaveConfig,
            save_config_kwargs={"overwrite": True, "save_to_log_dir": False},
            trainer_class=FDDTrainer,
            seed_everything_default=0,
            parser_class=FDDParser,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            args=cast(ArgsType, [stage, *args]),
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Return the stage and the arguments of its method that are no options."""
        return {self.stage: {"model", "datamodule", "train_dataloaders", "val_dataloaders", "weights_only"}}

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add trainer, model and data, with the stage's own base classes and defaults."""
        model, _ = STAGES[self.stage]
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        parser.set_defaults({"trainer.max_epochs": -1, "trainer.enable_model_summary": False})
        parser.set_defaults({"trainer.log_every_n_steps": 10})
        parser.add_lightning_class_args(model, "model", subclass_mode=True)
        parser.add_lightning_class_args(BaseDataModule, "data", subclass_mode=True)
        parser.set_defaults({"model": {"class_path": DEFAULT_MODEL[self.stage]}})
        parser.set_defaults({"data": {"class_path": "ColoredDigits"}})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the flags by which stages hand each other files, and the links from data to model."""
        parser.add_argument(
            "--output", type=str, default=f"runs/{self.stage}", help="folder of the stage: checkpoints, logs, artefact"
        )
        for flag in FLAGS[self.stage]:
            parser.add_argument(f"--{flag}", type=str | None, default=None, help=FLAG_HELP[flag])
        for name in STAGES[self.stage][1]:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse; ``eval --synthetic FILE`` without ``--data`` takes the data set that the file names."""
        given = cast(list[str], args)
        self.config = parser.parse_args(given)
        options = self.config[self.stage]
        if self.stage == "eval" and options["synthetic"] and not _names_data(given):
            config, overrides = _data_of(options["synthetic"])
            self.config = parser.parse_args([given[0], "--config", config, *overrides, *given[1:]])

    @property
    def options(self) -> Any:
        """The stage's own part of the configuration."""
        return self.config[self.stage]

    @property
    def folder(self) -> StageFolder:
        """The output folder."""
        return StageFolder(self.options["output"])

    def resolved(self) -> dict[str, Any]:
        """Return the whole configuration of the stage as plain values, without what the data decide."""
        dumped = yaml.safe_load(self.parser.dump(self.config, skip_none=False, format="yaml"))
        return dict(dumped[self.stage])

    def before_instantiate_classes(self) -> None:
        """Say finished where this work was done before."""
        self.record.fingerprint = config_fingerprint(self.stage, self.resolved())
        for flag in FLAGS[self.stage]:
            path = self.options[flag]
            if path is not None:
                if not Path(path).is_file():
                    raise FileFormatError(f"--{flag} {path}: no such file; {FLAG_HELP[flag]}")
                self.record.inputs[flag] = sha256_file(path)
        if self.folder.finished(self.record):
            raise StageFinished(f"finished: {self.stage} in {self.folder.path}")

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """Hand the model its input files and build the trainer around the output folder."""
        if isinstance(self.model, BaseDistiller):
            self.model.encoder = Path(self.options["encoder"]) if self.options["encoder"] else None
            self.model.check()
        elif isinstance(self.model, Evaluator) and self.options["synthetic"]:
            self.model.synthetic = SyntheticSet.load(self.options["synthetic"])
        chosen = self.config_init[self.stage]["trainer"]
        given = chosen["callbacks"] or []
        given = given if isinstance(given, list) else [given]
        self.timer = Timer()
        callbacks: list[Any] = [self.timer, ImageGrid()]
        if chosen["enable_checkpointing"] is not False and not chosen["fast_dev_run"]:
            # Overwritten in place, by the clock: what is computed does not depend on when.
            callbacks.append(
                ModelCheckpoint(
                    self.folder.path,
                    CHECKPOINT.removesuffix(".ckpt"),
                    train_time_interval=RESUME_EVERY,
                    enable_version_counter=False,
                )
            )
        if chosen["enable_progress_bar"] is not False and not any(isinstance(c, ProgressBar) for c in given):
            callbacks.append(StageProgress(self._title()))
        self.trainer_defaults["callbacks"] = callbacks
        if chosen["logger"] is None:
            kwargs["logger"] = TensorBoardLogger(
                self.folder.path, name="", version="tensorboard", default_hp_metric=False
            )
        return super().instantiate_trainer(**kwargs)

    def _title(self) -> str:
        """Return what the progress bar says."""
        words: list[object] = [self.stage]
        if isinstance(self.model, BaseDistiller):
            words += [self.model.method, self.model.weighting.name, "ipc", self.model.images_per_class]
        elif isinstance(self.model, Evaluator):
            made = self.model.synthetic.metadata if self.model.synthetic else {"method": "full"}
            words += [made[key] for key in ("method", "weighting") if key in made]
            words += ["ipc", made["ipc"]] if "ipc" in made else []
            words += [f"x {self.model.count}"]
        else:
            words.append(type(self.model).__name__.lower())
        return " ".join(str(word) for word in words)

    def _run_subcommand(self, subcommand: str) -> None:
        """Resume where a checkpoint of this very work lies, run, and leave the artefact."""
        checkpoint = self.options["ckpt_path"]
        trainer, model = self.trainer, cast(StageModule, self.model)
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            resume = self.folder.begin(self.record) if trainer.is_global_zero else None
            resume = trainer.strategy.broadcast(resume) if trainer.world_size > 1 else resume
            if checkpoint is None and resume is not None:
                checkpoint = str(resume)
                self._say_resuming(resume)
        self.config_init[self.stage]["ckpt_path"] = checkpoint
        super()._run_subcommand(subcommand)
        if trainer.interrupted:
            raise KeyboardInterrupt
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if self.stage != "eval":
            trainer.save_checkpoint(self.folder.checkpoint)
        if trainer.is_global_zero:
            self._leave(model)
        trainer.strategy.barrier("artefact")

    def _say_resuming(self, checkpoint: Path) -> None:
        """Say from which step the run goes on, and warn where the number of threads has changed."""
        step = torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"]
        sys.stderr.write(f"resuming {self.stage} at step {step}\n")
        if self.record.threads != torch.get_num_threads():
            sys.stderr.write(
                f"warning: this run was begun with {self.record.threads} threads and goes on with "
                f"{torch.get_num_threads()}: the last bits may differ (set OMP_NUM_THREADS={self.record.threads})\n"
            )

    def _leave(self, model: StageModule) -> None:
        """Write the artefact, note that the stage is finished, tell TensorBoard."""
        seconds = self.timer.time_elapsed("train")
        if isinstance(model, Evaluator):
            seconds += self.timer.time_elapsed("test")
            model.note_seconds(self._seconds_before(), seconds)
            model.artefact = "rows.json" if os.environ.get(INSIDE_RUN) else model.artefact
            self.folder.checkpoint.unlink(missing_ok=True)
        artefact = model.save_artefact(self.folder.path)
        self.folder.finish(self.record, [artefact], seconds, self.trainer.global_step)
        for logger in self.trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                figures = {f"hp/{k}": float(v) for k, v in self.trainer.callback_metrics.items()}
                logger.log_hyperparams({k: _plain(v) for k, v in leaves(module_spec(model)).items()}, figures)
                logger.finalize("success")
        print(f"{self.stage}: {artefact}")

    def _seconds_before(self) -> dict[str, float | None]:
        """Return what the earlier stages took, where their folders are known."""
        found: dict[str, float | None] = {"fit": None, "distill": None}
        if self.options.get("synthetic"):
            record = StageFolder(Path(self.options["synthetic"]).parent).read()
            found["distill"] = record.seconds if record else None
        return found


def _plain(value: Any) -> Any:
    """Return a value as TensorBoard's hparams take it."""
    return value if isinstance(value, bool | int | float | str) else str(value)


def _names_data(args: list[str]) -> bool:
    """Tell whether the arguments or one of their configuration files choose a data set."""
    for i, arg in enumerate(args):
        key, _, value = arg.partition("=")
        if key == "--data" or key.startswith("--data."):
            return True
        if key in ("--config", "-c"):
            text = yaml.safe_load(find_config(value or args[i + 1]).read_text())
            if isinstance(text, dict) and text.get("data"):
                return True
    return False


def _data_of(path: str) -> tuple[str, list[str]]:
    """Return the menu's file of the data set that a synthetic set names, and its parameters as overrides.

    Raises:
        ConfigError: The menu has no data set of that name.
    """
    metadata = SyntheticSet.load(path).metadata
    name = str(metadata.get("dataset"))
    config = find_config(f"data/{name}")
    if not re.fullmatch(r"\w+", name) or not config.is_file():
        raise ConfigError(f"{path} was made from data set {name!r}, which is not in configs/data: pass --data")
    spec = yaml.safe_load(config.read_text())["data"]
    arguments = import_class(spec["class_path"]).arguments(metadata.get("data_parameters") or {})  # type: ignore[attr-defined]
    return str(config), [f"--data.{key}={json.dumps(value)}" for key, value in arguments.items()]


class StageParser(FDDCLI):
    """A stage's parser alone, to look at configurations without building anything.

    Args:
        stage: The subcommand.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.trainer_class = FDDTrainer
        self.parser_class = FDDParser
        self.seed_everything_default = 0
        self.auto_configure_optimizers = False
        self.setup_parser(True, {}, {})

    def resolve(self, args: list[str]) -> dict[str, Any]:
        """Return the whole configuration that the arguments lead to."""
        self.parse_arguments(self.parser, cast(ArgsType, [self.stage, *_with_menu(args)]))
        return self.resolved()


@cache
def stage_parser(stage: str) -> StageParser:
    """Return the parser of a stage, built once: that takes longer than parsing."""
    _quiet()
    return StageParser(stage)


def resolve(stage: str, args: list[str]) -> dict[str, Any]:
    """Return a stage's whole configuration as plain values; nothing is built.

    Raises:
        FDDError: The arguments do not fit the stage.
    """
    return stage_parser(stage).resolve(args)


def run_stage(stage: str, args: list[str]) -> None:
    """Run one stage from its command-line arguments.

    Raises:
        FDDError: The user's mistake.
        KeyboardInterrupt: Ctrl-C; the same arguments again resume.
    """
    _quiet()
    keep_freed_memory()
    try:
        FDDCLI(stage, _with_menu(args))
    except StageFinished as done:
        print(done)


def _quiet() -> None:
    """Leave out what Lightning says of hardware and hints; errors of the user are ours to word."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")


def _with_menu(args: list[str]) -> list[str]:
    """Return the arguments with configuration files that are named by their place in the menu found."""
    found = list(args)
    for i, arg in enumerate(args):
        key, equals, value = arg.partition("=")
        if key in ("--config", "-c") and equals:
            found[i] = f"{key}={find_config(value)}"
        elif i and args[i - 1] in ("--config", "-c"):
            found[i] = str(find_config(arg))
    return found
