"""Callbacks: what is shown and kept while a stage runs."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import numpy as np
from lightning import Callback, LightningModule, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Checkpoint, ProgressBar, Timer
from lightning.pytorch.loggers import TensorBoardLogger

from fdd_lightning.artefacts.stage_folder import EVOLUTION, StageFolder
from fdd_lightning.errors import ConfigError, UnfinishedError
from fdd_lightning.modules.base import StageModule
from fdd_lightning.modules.base_distiller import BaseDistiller
from fdd_lightning.pictures.few_of_each import few_of_each
from fdd_lightning.utils.files import atomic_path
from fdd_lightning.utils.progress import Display, display
from fdd_lightning.utils.stopping import Deferral, Stopped


class ClockCheckpoint(Checkpoint):
    """Keeps the newest checkpoint and the one before, by the clock: what is computed does not depend on when.

    A signal to stop is heard at the end of a step, with a checkpoint of it.

    Lightning's ModelCheckpoint does not look at the clock where a module optimises by hand (2.6), as ours do.

    Args:
        folder: The stage's output folder.
        every: How much work a kill may cost.

    Attributes:
        step: That of the newest checkpoint, once there is one.

    Example:
        >>> ClockCheckpoint(StageFolder("runs/x"), timedelta(minutes=5)).every.seconds
        300
    """

    def __init__(self, folder: StageFolder, every: timedelta) -> None:
        self.folder = folder
        self.every = every
        self.step: int | None = None
        self._signal = Deferral()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.saved = time.monotonic()
        self._signal.begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is time, and where a signal came, which is then raised; all processes, as the first one says.

        Raises:
            Stopped: A signal came during the step.
        """
        due, stop = trainer.strategy.broadcast(
            (time.monotonic() - self.saved >= self.every.total_seconds(), self._signal.number)
        )
        if due or stop is not None:
            if trainer.is_global_zero:
                self.folder.keep_checkpoint()
            trainer.save_checkpoint(self.folder.checkpoint)
            self.saved, self.step = time.monotonic(), trainer.global_step
        if stop is not None:
            raise Stopped(stop)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave signals alone."""
        self._signal.end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave signals alone."""
        self._signal.end()


class StageClock(Timer):
    """Lightning's Timer under a name of its own: the user's may stand beside it.

    Example:
        >>> StageClock().time_elapsed("train")
        0
    """


class WholeStage(Callback):
    """Lets a stage end before its last step in one way only: unfinished, to be gone on with.

    Args:
        max_time: How long this run of it may train, as Lightning's Timer takes it; None for as long as it takes.
        folder: The stage's output folder, which keeps a checkpoint when the time is up; None where none is kept.

    Example:
        >>> WholeStage("00:01:00:00").seconds
        3600.0
    """

    def __init__(
        self, max_time: str | timedelta | dict[str, int] | None = None, folder: StageFolder | None = None
    ) -> None:
        try:
            self.seconds = Timer(max_time).time_remaining()
        except (TypeError, MisconfigurationException):
            raise ConfigError(
                f"--trainer.max_time {max_time!r} is no time: write days:hours:minutes:seconds, such as 00:02:30:00"
            ) from None
        self.folder = folder
        if self.seconds is not None and self.seconds <= 0:
            raise ConfigError(f"--trainer.max_time {max_time}: nothing would be done: give it more, or leave it out")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.started, self.is_over = time.monotonic(), False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where the time is up; all processes, when the first one says so."""
        if self.seconds is None or trainer.global_step >= trainer.max_steps:
            return
        if trainer.strategy.broadcast(time.monotonic() - self.started >= self.seconds):
            self.is_over = True
            if self.folder is not None:
                if trainer.is_global_zero:
                    self.folder.keep_checkpoint()
                trainer.save_checkpoint(self.folder.checkpoint)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Stop where the time is up: only now is the step before in the log.

        Raises:
            UnfinishedError: With the step from which the same command goes on.
        """
        if self.is_over and self.seconds is not None:
            reason = f"{timedelta(seconds=self.seconds)} of --trainer.max_time are over"
            raise self._unfinished(trainer, pl_module, reason, "goes on" if self.folder is not None else "starts again")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse an end that a callback of the user's asked for.

        Raises:
            UnfinishedError: A stage takes all its steps.
        """
        if trainer.should_stop and trainer.global_step < trainer.max_steps:
            raise self._unfinished(trainer, pl_module, "a callback stopped it", "goes on from its last checkpoint")

    def _unfinished(self, trainer: Trainer, module: LightningModule, reason: str, next_time: str) -> UnfinishedError:
        title = f"{module.stage} {module.title()}" if isinstance(module, StageModule) else type(module).__name__
        done = f"step {trainer.global_step} of {trainer.max_steps}"
        return UnfinishedError(f"{title} at {done}, as {reason}: the same command {next_time}")


class FiniteCheck(Callback):
    """Looks a hundred times in a run, and after its last step, whether all that is learned is finite.

    Example:
        >>> trainer = Trainer(callbacks=FiniteCheck(), logger=False)
    """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look where it is time: before the module itself looks at what it has learned."""
        step, last = trainer.global_step, trainer.max_steps
        if isinstance(pl_module, StageModule) and (step % max(1, last // 100) == 0 or step >= last):
            pl_module.require_finite()


class ImageGrid(Callback):
    """Draws the synthetic set for TensorBoard after the first step and twenty times in a run, on the first process.

    Example:
        >>> trainer = Trainer(callbacks=ImageGrid(), logger=TensorBoardLogger("logs"))
    """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw where it is time."""
        step = trainer.global_step
        due = step == 1 or step % max(1, trainer.max_steps // 20) == 0
        if not (due and trainer.is_global_zero and isinstance(pl_module, BaseDistiller)):
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                grid = np.asarray(pl_module.synthetic_set().grid())
                logger.experiment.add_image("synthetic", grid, step - 1, dataformats="HWC")  # as figures are counted


class Evolution(Callback):
    """Keeps small pictures of the synthetic set for reports: after the first step and each quarter of a run.

    They lie in the stage's output folder, as ``evolution/STEP.png``.

    Example:
        >>> trainer = Trainer(callbacks=Evolution(), logger=False)
    """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw where it is time."""
        step = trainer.global_step
        due = step in {1, *(round(trainer.max_steps * quarter / 4) for quarter in (1, 2, 3, 4))}
        if not (due and trainer.is_global_zero and isinstance(pl_module, BaseDistiller)) or pl_module.folder is None:
            return
        folder = pl_module.folder / EVOLUTION
        if step == 1 and folder.is_dir():
            for old in folder.glob("*.png"):
                old.unlink()
        made = pl_module.synthetic_set()
        with atomic_path(folder / f"{step:07d}.png") as path:
            few_of_each(*made.shown(), made.num_classes).save(path, format="png")


class StageProgress(ProgressBar):
    """One bar a stage on a terminal; one line every 30 seconds where the output is a file.

    Args:
        title: What is running, such as ``distill dm fairdd ipc 10``; by default the module's class.

    Example:
        >>> Trainer(callbacks=StageProgress("distill dm"), logger=False).progress_bar_callback.title
        'distill dm'
    """

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self.title = title
        self.enabled = True
        self.display: Display | None = None  # nothing is said of a module that is no stage

    def disable(self) -> None:
        """Say nothing (called on all processes but the first)."""
        self.enabled = False

    def enable(self) -> None:
        """Speak again."""
        self.enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar where the run stands."""
        if not self.enabled or not isinstance(pl_module, StageModule):
            return
        self.title = self.title or type(pl_module).__name__.lower()
        self.display = display()
        self.display.begin(self.title, trainer.global_step, trainer.max_steps)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""

        def loss() -> str:
            found = next((v for k, v in trainer.progress_bar_metrics.items() if "loss" in k), None)
            return "" if found is None else f"loss {found:.4g}"

        if self.display is not None:
            self.display.at(self.title, trainer.global_step, loss)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Close the bar, so that the message stands on a line of its own."""
        self._close()

    def _close(self) -> None:
        if self.display is not None:
            self.display.end(self.title)
            self.display = None
