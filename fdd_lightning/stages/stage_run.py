"""One stage run: ``fdd fit``, ``fdd distill`` or ``fdd eval``."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from traceback import walk_tb
from typing import Any, cast

import torch
from lightning import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import LambdaCallback, ProgressBar
from lightning.pytorch.cli import ArgsType, LightningCLI

from fdd_lightning.artefacts.checkpoint import read_checkpoint
from fdd_lightning.artefacts.stage_folder import (
    READ,
    WORK,
    Begun,
    StageFolder,
    StageRecord,
    config_fingerprint,
    data_of,
)
from fdd_lightning.configuration.arguments import options
from fdd_lightning.configuration.choices import import_class, leaves
from fdd_lightning.configuration.settled import open_choices, settled_as_before, settled_by_data
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datamodules.named import own_paths, source_state
from fdd_lightning.errors import ConfigError, FDDError, FileFormatError, first_process, say
from fdd_lightning.modules.base import StageModule
from fdd_lightning.stages.buildable import require_buildable, require_devices
from fdd_lightning.stages.loggers import CURVES, in_folder, remember_run, tell
from fdd_lightning.stages.parser import MAIN_PARSER, STAGES, StageParser, settled
from fdd_lightning.stages.refusal import FDDParser, Refusal, worded
from fdd_lightning.stages.settling import no_such_file
from fdd_lightning.trainer import FDDTrainer, hushed
from fdd_lightning.trainer.callbacks import ClockCheckpoint, Evolution, ImageGrid, StageClock, StageProgress, WholeStage
from fdd_lightning.utils.files import atomic_path, fingerprint, sha256_path, writing
from fdd_lightning.utils.locks import held
from fdd_lightning.utils.memory import keep_freed_memory
from fdd_lightning.utils.next_step import say_next
from fdd_lightning.utils.outputs import require_output
from fdd_lightning.utils.stopping import AGAIN, Stopped

INSIDE_RUN = "FDD_INSIDE_RUN"
"""Set by `fdd run`: its own results.json gathers the rows of its evaluations."""

RESUME_EVERY = timedelta(seconds=10)
"""How much work a kill may cost."""


@contextmanager
def refusals_of_the_trainer() -> Iterator[None]:
    """Word what Lightning says of a trainer that cannot be built as one line.

    Raises:
        ConfigError: With that line.
    """
    try:
        yield
    except FDDError:
        raise
    except Exception as error:  # it raises whatever comes to its mind: AssertionError, KeyError, ...
        raise ConfigError(f"--trainer: {' '.join(str(error).split()) or type(error).__name__}") from error


@contextmanager
def told_by_writers() -> Iterator[None]:
    """Leave the failures of TensorBoard's writing threads to the call after, which raises them again, in one line."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, OSError):
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


class _Finished(Exception):
    """The very work that is asked for was done before."""


class StageRun(StageParser):
    """One stage: parse, resume or say finished, run, leave the artefact.

    Args:
        stage: The subcommand.
        args: The arguments after its name.
        stack: What the run holds until it ends: its output folder.

    Example:
        >>> StageRun("eval", ["--model.size=3"], ExitStack())
        Traceback (most recent call last):
        fdd_lightning.errors.ConfigError: --model.size: no such option of Evaluator
    """

    def __init__(self, stage: str, args: list[str], stack: ExitStack) -> None:
        self.stack = stack
        self.clock: ClockCheckpoint | None = None
        self.record = StageRecord(stage, "", command=list(args))
        self.stage = stage
        data = (words for key, _, words in options(args) if key.partition(".")[0] == "data")
        self.data_words = [shlex.quote(word) for words in data for word in words] if stage != "eval" else []
        self.model_is_given = any(arg.startswith(("--model", "--config")) for arg in args)
        words = settled(stage, args).words()  # first: the classes that it imports may bring input files of their own
        LightningCLI.__init__(  # not StageParser's, which would build a parser without parsing
            self,
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
            args=cast(ArgsType, [stage, *words]),
        )

    @property
    def folder(self) -> StageFolder:
        """The output folder."""
        return StageFolder(self.options["output"])

    def before_instantiate_classes(self) -> None:
        """Say finished where this work was done before."""
        asked = self.resolved()
        require_devices(asked["trainer"])
        settled, state = settled_by_data(asked), source_state(asked["data"])
        named = partial(config_fingerprint, self.stage, state=state)
        config = settled_as_before(asked, settled, self.folder.known(), named)
        for key in open_choices(asked["model"]["class_path"]):
            self.options["model"]["init_args"][key] = config["model"]["init_args"][key]
        self.record.fingerprint = config_fingerprint(self.stage, config, state)
        for flag, what in self.flags.items():
            path = self.options[flag]
            if path is not None:
                if not Path(path).exists():
                    raise FileFormatError(no_such_file(flag, path, what))
                self.record.inputs[flag] = sha256_path(path)
        self.read = fingerprint([data_of(config), state, self.record.inputs])
        self._check_checkpoint()
        self._check_output(config)
        if self.folder.finished(self.record):
            raise _Finished(f"finished: {self.stage} in {self.folder.path}")
        if first_process() and not self.options["trainer"]["fast_dev_run"]:
            self.stack.enter_context(held(self.folder.path))  # of several processes the first holds it for all
            remember_run(self.options["trainer"]["logger"], self.folder.path, self._step() > 0)

    def _check_checkpoint(self) -> None:
        """Refuse a checkpoint that was named and has seen other data or inputs: its settings count, these would not."""
        path = self.options["ckpt_path"]
        if path is not None and read_checkpoint(path).get(READ, self.read) != self.read:
            raise FileFormatError(
                f"{path} has seen other data or input files than this command names: name one of this very work, or "
                "leave --ckpt_path out (the same command resumes by itself)"
            )

    def _check_output(self, config: Mapping[str, Any]) -> None:
        """Refuse an output folder that holds what is read here, or cannot be made."""
        given = [Path(self.options[flag]) for flag in self.flags if self.options[flag] is not None]
        read = [*given, *own_paths(config["data"])]
        require_output("--output", self.options["output"], read)
        model: Any = import_class(config["model"]["class_path"])
        if (artefact := getattr(model, "artefact", None)) is not None:
            require_output("--output: its", self.folder.path / artefact, read, file=Path(artefact).suffix != "")

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; the parser wraps what they refuse."""
        try:
            super().instantiate_classes()
        except FDDError:
            raise
        except ValueError as error:
            raise Refusal(str(error)) from error

    def _open(self, trainer: Trainer, model: LightningModule) -> None:
        """Take the output folder over, and write a configuration there that can be run again as it is.

        By now data and settings were checked: a command that is refused leaves an earlier run's checkpoint as it was.
        """
        if trainer.is_global_zero:
            for line in self.folder.begin(self.record):
                say(line)
            with atomic_path(self.folder.path / "config.yaml") as path:
                self._parser(self.stage).save(self.options, str(path), "yaml", False, overwrite=True, multifile=False)

    def _sign(self, trainer: Trainer, model: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Put into a checkpoint whose it is."""
        checkpoint[WORK], checkpoint[READ] = self.record.work, self.read

    def _step(self) -> int:
        """Return the step that the work of this output folder goes on from; 0 where it begins."""
        begun = self.folder.begun(self.record) if self.options["ckpt_path"] is None else None
        return begun.step if begun is not None else 0

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """Hand the model its input files and build the trainer around the output folder."""
        model, chosen = cast(StageModule, self.model), self.config_init[self.stage]["trainer"]
        for flag in self.flags:
            if self.options[flag]:
                model.take(flag, Path(self.options[flag]))
        require_buildable(self.resolved()["model"], cast(BaseDataModule, self.datamodule), STAGES[self.stage][2])
        model.check()
        if not chosen["fast_dev_run"]:
            model.folder = self.folder.path
        given = chosen["callbacks"] or []
        given = given if isinstance(given, list) else [given]
        self.timer = StageClock()
        keeps = chosen["enable_checkpointing"] is not False and not chosen["fast_dev_run"]
        callbacks: list[Any] = [
            self.timer,
            ImageGrid(),
            Evolution(),
            WholeStage(chosen["max_time"], self.folder if keeps else None),
        ]
        kwargs["max_time"] = None  # Lightning would ignore it beside the clock
        if keeps:
            self.clock = ClockCheckpoint(self.folder, RESUME_EVERY)
            callbacks.append(self.clock)
        if chosen["enable_progress_bar"] is not False and not any(isinstance(c, ProgressBar) for c in given):
            callbacks.append(StageProgress(f"{self.stage} {model.title()}"))
        if not chosen["fast_dev_run"]:
            callbacks.append(LambdaCallback(on_fit_start=self._open, on_save_checkpoint=self._sign))
        self.trainer_defaults["callbacks"] = callbacks
        kwargs["logger"] = in_folder(chosen["logger"], self.folder.path, self._step)
        with refusals_of_the_trainer():
            return super().instantiate_trainer(**kwargs)

    def _run_subcommand(self, subcommand: str) -> None:
        """Resume where a checkpoint of this very work lies, run, and leave the artefact."""
        checkpoint = self.options["ckpt_path"]
        trainer, model = self.trainer, cast(StageModule, self.model)
        # Every process looks for itself, before the first of them writes.
        begun = None if trainer.fast_dev_run else self.folder.begun(self.record)  # type: ignore[attr-defined]
        own = begun if checkpoint is None else None
        if own is not None and own.checkpoint is not None:
            checkpoint = str(own.checkpoint)
        if trainer.is_global_zero:
            self._say_resuming(checkpoint, begun, own)
        self.config_init[self.stage]["ckpt_path"] = checkpoint
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            with told_by_writers(), writing(self.folder.path / CURVES):
                super()._run_subcommand(subcommand)
        except SystemExit as end:
            if not trainer.interrupted:
                raise
            signal.signal(signal.SIGINT, interrupt)  # Lightning lets Ctrl-C pass it by from here on
            raise self._stopped(end.__context__, begun) from None
        except KeyboardInterrupt as stop:  # where Lightning does not look
            raise self._stopped(stop, begun) from None
        except Exception as error:
            if (chosen := self._callback_behind(error)) is None:
                raise
            told = f"{type(chosen).__name__}: {' '.join(str(error).split())}"
            raise ConfigError(f"--trainer.callbacks: {told}: change it, or leave it out") from error
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if model.keeps_checkpoint:
            trainer.save_checkpoint(self.folder.checkpoint)
        if trainer.is_global_zero:
            with writing(self.folder.path / CURVES):
                self._leave(model)
        trainer.strategy.barrier("artefact")

    def _callback_behind(self, error: Exception) -> Any:
        """Return the callback of the user's in whose code an error arose, or None; our own errors are none of its."""
        given = self.config_init[self.stage]["trainer"]["callbacks"] or []
        given = given if isinstance(given, list) else [given]
        frames = [] if isinstance(error, FDDError) else [frame for frame, _ in walk_tb(error.__traceback__)]
        owners = [frame.f_locals.get("self") for frame in frames]
        return next((each for each in given if any(each is owner for owner in owners)), None)

    def _stopped(self, stop: BaseException | None, begun: Begun | None) -> Stopped:
        """Return what stopped the stage, with what the same command does when it is given again."""
        before = begun.step if begun is not None and begun.checkpoint is not None else None
        step = before if self.clock is None or self.clock.step is None else self.clock.step
        goes_on = f"goes on from step {step} of {self.stage}" if step is not None else f"begins {self.stage} anew"
        return Stopped.of(stop, f"{AGAIN}{goes_on}")

    def _say_resuming(self, checkpoint: str | None, begun: Begun | None, own: Begun | None) -> None:
        """Say from which step the run goes on, and warn of checkpoints that cannot be used and of other threads."""
        for line in own.unfit if own is not None else ():
            sys.stderr.write(f"warning: {line}, {'left out' if checkpoint else f'{self.stage} begins again'}\n")
        if checkpoint is None:
            return
        step = own.step if own is not None else read_checkpoint(checkpoint)["global_step"]
        sys.stderr.write(f"resuming {self.stage} at step {step}\n")
        if begun is not None and begun.threads != torch.get_num_threads():
            sys.stderr.write(
                f"warning: this run was begun with {begun.threads} threads and goes on with "
                f"{torch.get_num_threads()}: the last bits may differ (set OMP_NUM_THREADS={begun.threads})\n"
            )

    def _leave(self, model: StageModule) -> None:
        """Write the artefact, note that the stage is finished, tell TensorBoard."""
        seconds = self.timer.time_elapsed("train") + self.timer.time_elapsed("test") + model.seconds_of_setup
        made = self.options.get("synthetic")
        record = StageFolder(Path(made).parent).read() if made else None
        before = {"fit": None, "distill": record.seconds if record else None}
        model.finish(seconds, before, inside_run=bool(os.environ.get(INSIDE_RUN)))
        artefact = model.save_artefact(self.folder.path)
        self.folder.finish(self.record, [artefact], seconds, self.trainer.global_step, keep=model.keeps_checkpoint)
        figures = {f"hp/{k}": float(v) for k, v in self.trainer.callback_metrics.items()}
        told = leaves(model.spec) | model.facts()
        plain = {k: v if isinstance(v, bool | int | float) else str(v) for k, v in told.items()}  # what loggers take
        for logger in self.trainer.loggers:
            tell(logger, plain, figures)
        print(f"{self.stage}: {artefact}{model.remark()}")
        if not os.environ.get(INSIDE_RUN) and (step := model.next_step(artefact)):
            say_next(" ".join([step, *self.data_words]))


def run_stage(stage: str, args: list[str]) -> None:
    """Run one stage from its command-line arguments.

    Raises:
        FDDError: The user's mistake.
        Stopped: By a signal; the same arguments again resume.
    """
    keep_freed_memory()
    try:
        with hushed(), worded(stage), ExitStack() as stack:
            StageRun(stage, args, stack)
    except _Finished as done:
        print(done)
