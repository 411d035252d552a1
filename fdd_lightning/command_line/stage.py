"""The command line of the stages: ``fdd fit``, ``fdd distill`` and ``fdd eval``, by LightningCLI."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, cast

import torch
import yaml
from lightning import LightningDataModule, LightningModule
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ProgressBar, Timer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger

import fdd_lightning.algorithms
import fdd_lightning.augment
import fdd_lightning.datamodules
import fdd_lightning.matching.selectors
import fdd_lightning.networks  # noqa: F401 (imported, so that their classes can be named without a path)
from fdd_lightning.artefacts.stage_folder import StageFolder, StageRecord, config_fingerprint, read_checkpoint
from fdd_lightning.command_line.messages import explain
from fdd_lightning.configuration.choices import class_path, import_class, leaves
from fdd_lightning.configuration.lookup import data_of, names_class, source_state, value_of, with_menu, without_data
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, FDDError, FileFormatError
from fdd_lightning.modules.base import FitModule, StageModule
from fdd_lightning.modules.classifier import Classifier  # noqa: F401
from fdd_lightning.modules.distiller import BaseDistiller
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.experts import Experts  # noqa: F401
from fdd_lightning.modules.provenance import module_spec
from fdd_lightning.modules.selection import Selection  # noqa: F401
from fdd_lightning.modules.supcon import SupCon  # noqa: F401
from fdd_lightning.modules.trajectory_matching import TrajectoryMatching  # noqa: F401
from fdd_lightning.trainer.callbacks import ClockCheckpoint, ImageGrid, Opening, StageProgress
from fdd_lightning.trainer.trainer import TALKATIVE, FDDTrainer
from fdd_lightning.training import named
from fdd_lightning.utils.files import sha256_path
from fdd_lightning.utils.memory import keep_freed_memory

INSIDE_RUN = "FDD_INSIDE_RUN"
"""Set by `fdd run`: its own results.json gathers the rows of its evaluations."""

RESUME_EVERY = timedelta(seconds=10)
"""How much work a kill may cost."""

FLAGS = {"fit": ("encoder",), "distill": ("encoder", "experts", "classifier"), "eval": ("synthetic",)}
"""Input files and folders of each stage, as top-level flags."""

FLAG_HELP = {
    "encoder": "file of the bias encoder (encoder.safetensors of `fdd fit`), where the weighting needs one",
    "experts": "folder of expert trajectories (--output of `fdd fit --config experts/mtt`), for trajectory matching",
    "classifier": "file of a trained classifier (classifier.safetensors of `fdd fit --model Classifier`), for debiased "
    "surrogates and sources",
    "synthetic": "the synthetic set to train on (synthetic.safetensors); without it the real training set",
}

STAGES: dict[str, tuple[type[StageModule], tuple[str, ...]]] = {
    "fit": (FitModule, ("num_classes", "num_groups", "image_shape")),
    "distill": (BaseDistiller, ("num_classes", "image_shape")),
    "eval": (Evaluator, ("num_classes", "num_groups", "image_shape")),
}
"""Base class of each stage's model, and the facts that it takes from the data."""

MAIN_PARSER = {"prog": "fdd", "description": "fair dataset distillation"}

DEFAULT_MODEL = {"fit": "SupCon", "distill": "Distiller", "eval": "Evaluator"}
DEFAULT_DATA = "ColoredDigits"


class StageFinished(Exception):
    """The very work that is asked for was done before."""


class Refusal(ValueError):
    """What the parser says: a tree of many lines, which parsers inside parsers put together."""


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
    except MisconfigurationException as error:
        raise ConfigError(" ".join(str(error).split())) from error


class FDDParser(LightningArgumentParser):
    """A parser whose errors are one line, without the usage block; options are written out in full."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message; see :func:`worded`."""
        raise Refusal(message) from ex


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
            save_config_callback=None,
            trainer_class=FDDTrainer,
            seed_everything_default=0,
            parser_class=FDDParser,
            parser_kwargs=MAIN_PARSER,
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
        stage, *given = cast(list[str], args)
        if self.stage == "eval" and not names_class("data", given):
            # Its name is an option among others, and printing the configuration ends the parser; arguments of the data
            # can be read only when the data set is known.
            others = (a for a in without_data(given) if not a.startswith("--print_config"))
            looked = parser.parse_args([stage, *self._with_classes(list(others))])
            if looked[stage]["synthetic"]:
                config, overrides = data_of(looked[stage]["synthetic"])
                given = ["--config", config, *overrides, *given]
        self.config = parser.parse_args([stage, *self._with_classes(given)])
        if self.options["ckpt_path"] is not None:
            self._check_checkpoint(self.options["ckpt_path"])

    def _with_classes(self, given: list[str]) -> list[str]:
        """Return the arguments with the default classes of model and data, where they name no others.

        As defaults of the parser they would hand their arguments on to any class that is named later. An evaluation
        begins with what its preset says, so that parts of that can be changed.
        """
        named = {"model": DEFAULT_MODEL[self.stage], "data": DEFAULT_DATA}
        classes = [f"--{key}={default}" for key, default in named.items() if not names_class(key, given)]
        return [*self._preset(given), *classes, *given]

    def _preset(self, given: list[str]) -> list[str]:
        """Return what the preset that is chosen says of the evaluation, as an argument.

        Raises:
            ConfigError: There is none of that name.
        """
        if self.stage != "eval":
            return []
        name = value_of("model", "preset", given)
        try:
            found = named("reference" if name is None else str(name))
        except ConfigError as error:
            raise ConfigError(f"--model.{error}") from None
        return [f"--model={json.dumps({'class_path': class_path(Evaluator), 'init_args': found.arguments})}"]

    def _check_checkpoint(self, path: str) -> None:
        """Refuse what is no checkpoint of this stage; what is one brings its settings with it."""
        made_by = read_checkpoint(path)["hyper_parameters"].get("_class_path")
        if made_by is not None and not issubclass(import_class(made_by), STAGES[self.stage][0]):
            raise ConfigError(
                f"{path} is a checkpoint of {made_by.rpartition('.')[2]}, which is not for `fdd {self.stage}`: name "
                "one of this very run, or leave it out (the same command resumes by itself)"
            )

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
        # By place: nulls stay in; jsonargparse 4.49 renamed the argument that says so.
        dumped = yaml.safe_load(self.parser.dump(self.config, "yaml", False, skip_validation=True))
        return dict(dumped[self.stage])

    def before_instantiate_classes(self) -> None:
        """Say finished where this work was done before."""
        config = self.resolved()
        self.record.fingerprint = config_fingerprint(self.stage, config, source_state(config["data"]))
        for flag in FLAGS[self.stage]:
            path = self.options[flag]
            if path is not None:
                if not Path(path).exists():
                    raise FileFormatError(f"--{flag} {path}: no such file; {FLAG_HELP[flag]}")
                self.record.inputs[flag] = sha256_path(path)
        if self.folder.finished(self.record):
            raise StageFinished(f"finished: {self.stage} in {self.folder.path}")

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; the parser wraps what they refuse."""
        try:
            super().instantiate_classes()
        except FDDError:
            raise
        except ValueError as error:
            raise Refusal(str(error)) from error

    def _write_config(self, path: Path) -> None:
        """Write the configuration, which can be run again as it is."""
        self._parser(self.stage).save(self.options, str(path), "yaml", False, overwrite=True, multifile=False)

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """Hand the model its input files and build the trainer around the output folder."""
        model, chosen = cast(StageModule, self.model), self.config_init[self.stage]["trainer"]
        for flag in FLAGS[self.stage]:
            if self.options[flag]:
                model.take(flag, Path(self.options[flag]))
        model.check()
        if not chosen["fast_dev_run"]:
            model.folder = self.folder.path
        given = chosen["callbacks"] or []
        given = given if isinstance(given, list) else [given]
        self.timer = Timer()
        callbacks: list[Any] = [self.timer, ImageGrid()]
        if chosen["enable_checkpointing"] is not False and not chosen["fast_dev_run"]:
            callbacks.append(ClockCheckpoint(self.folder.checkpoint, RESUME_EVERY))
        if chosen["enable_progress_bar"] is not False and not any(isinstance(c, ProgressBar) for c in given):
            callbacks.append(StageProgress(self._title()))
        if not chosen["fast_dev_run"]:
            callbacks.append(Opening(self.folder, self.record, self._write_config))
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
            words.append(self.model.title() if isinstance(self.model, FitModule) else type(self.model).__name__.lower())
        return " ".join(str(word) for word in words)

    def _run_subcommand(self, subcommand: str) -> None:
        """Resume where a checkpoint of this very work lies, run, and leave the artefact."""
        checkpoint = self.options["ckpt_path"]
        trainer, model = self.trainer, cast(StageModule, self.model)
        # Every process looks for itself, before the first of them writes.
        begun = self.folder.unfinished(self.record)
        if checkpoint is None and begun is not None and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            checkpoint = str(self.folder.checkpoint)
        if checkpoint is not None:
            self._say_resuming(checkpoint, begun)
        self.config_init[self.stage]["ckpt_path"] = checkpoint
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            super()._run_subcommand(subcommand)
        except SystemExit:
            if not trainer.interrupted:
                raise
            signal.signal(signal.SIGINT, interrupt)  # Lightning lets Ctrl-C pass it by from here on
            raise KeyboardInterrupt from None
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if self.stage != "eval":
            trainer.save_checkpoint(self.folder.checkpoint)
        if trainer.is_global_zero:
            self._leave(model)
        trainer.strategy.barrier("artefact")

    def _say_resuming(self, checkpoint: str, begun: StageRecord | None) -> None:
        """Say from which step the run goes on, and warn where the number of threads has changed."""
        if not self.trainer.is_global_zero:
            return
        sys.stderr.write(f"resuming {self.stage} at step {read_checkpoint(checkpoint)['global_step']}\n")
        if begun is not None and begun.threads != torch.get_num_threads():
            sys.stderr.write(
                f"warning: this run was begun with {begun.threads} threads and goes on with "
                f"{torch.get_num_threads()}: the last bits may differ (set OMP_NUM_THREADS={begun.threads})\n"
            )

    def _leave(self, model: StageModule) -> None:
        """Write the artefact, note that the stage is finished, tell TensorBoard."""
        seconds = self.timer.time_elapsed("train") + model.seconds_of_setup
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
        print(f"{self.stage}: {artefact}{model.remark()}")

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
        self.setup_parser(True, MAIN_PARSER, {})

    def resolve(self, args: list[str]) -> dict[str, Any]:
        """Return the whole configuration that the arguments lead to."""
        self.parse_arguments(self.parser, cast(ArgsType, [self.stage, *with_menu(args)]))
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
    with worded(stage):
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
        with worded(stage):
            FDDCLI(stage, with_menu(args))
    except StageFinished as done:
        print(done)


def _quiet() -> None:
    """Leave out what Lightning says of hardware and hints; errors of the user are ours to word."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
