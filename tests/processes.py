"""Stages in processes of their own: to be killed, interrupted, or to work together.

They are forked from a server that has imported the package once and computed nothing, so each starts in no time.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    ["fdd_lightning.stages.stage_run", "fdd_lightning.command_line.plan_table", "tests.processes"]
)


def _work(
    args: Sequence[str], environment: Mapping[str, str], folder: str, log: str, pause_at: int | None, patient: float
) -> None:
    """Run a command as a fresh process would."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{log}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    import torch

    from fdd_lightning import __main__
    from fdd_lightning.stages import stage_run
    from fdd_lightning.trainer import callbacks

    torch.set_num_threads(1)
    stage_run.RESUME_EVERY = timedelta(hours=1) if patient else timedelta(0)
    if patient:
        _slow_down(callbacks.StageProgress, patient)
    if pause_at is not None:
        _pause(callbacks.StageProgress, pause_at, f"{log}.paused")
    code = __main__.main(list(args))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _slow_down(callback: Any, seconds: float) -> None:
    """Let every step of training take a while."""
    callback.on_train_batch_end = lambda self, trainer, *args: time.sleep(seconds)


def _pause(callback: Any, step: int, sign: str) -> None:
    """Let a stage stop at a step until it is killed; its checkpoint is then that of the step before."""

    def wait(self: Any, trainer: Any, *args: Any) -> None:
        if trainer.global_step == step:
            Path(sign).touch()
            time.sleep(600)

    callback.on_train_batch_end = wait


class Process:
    """One command.

    Args:
        args: What follows ``fdd``.
        log: Path of its output, to which ``.out`` and ``.err`` are added.
        pause_at: Training step at which it waits to be killed.
        environment: More environment.
        patient: Seconds that every step takes; no checkpoint is then written by the clock.
    """

    def __init__(
        self,
        args: Sequence[str],
        log: Path,
        pause_at: int | None = None,
        environment: Mapping[str, str] | None = None,
        patient: float = 0.0,
    ) -> None:
        self.log = log
        everything = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
        self.process: ForkServerProcess = context.Process(
            target=_work, args=(list(args), everything, str(Path.cwd()), str(log), pause_at, patient)
        )
        self.process.start()

    def wait_until_paused(self) -> None:
        """Return once the process waits."""
        deadline = time.monotonic() + 90
        while not Path(f"{self.log}.paused").exists():
            assert self.process.is_alive(), self.err
            assert time.monotonic() < deadline, "the stage never came to the step"
            time.sleep(0.02)

    def signal(self, number: int) -> int:
        """Send a signal and return the exit code."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)
        return self.join()

    def join(self) -> int:
        """Wait for the end and return the exit code."""
        self.process.join(120)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"the process hung: {self.err}")
        return self.process.exitcode

    @property
    def out(self) -> str:
        """What it wrote to stdout."""
        return Path(f"{self.log}.out").read_text()

    @property
    def err(self) -> str:
        """What it wrote to stderr."""
        return Path(f"{self.log}.err").read_text()
