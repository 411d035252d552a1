"""What a job of a cluster does: it carries one stage out, and tells how that ended."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from fdd_lightning.runs.carry_out import Work
from fdd_lightning.runs.jobs import Share
from fdd_lightning.runs.worker import STOPPED, outcome
from fdd_lightning.utils.locks import wait_until_free
from fdd_lightning.utils.stopping import stoppable

TIME_IS_UP = f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"
"""The signal by which submitit tells a job that its time will soon be up; named as submitit names it."""


@dataclass(frozen=True)
class Job:
    """One stage as a job; submitit calls it in a process of its own, maybe on another machine.

    Where its time is up before the stage is done, the stage saves what it is at and the job is put in the queue again.

    Attributes:
        work: The stage.
        folder: The stage's folder.
        modules: Where modules are looked for.
        threads: The most threads that it takes; None for as many as the job is given.

    Example:
        >>> job = Job(Work("distill", "dm", ["--model=dm"]), Path("runs/x"), [], threads=2)
        >>> job.checkpoint().function is job
        True
    """

    work: Work
    folder: Path
    modules: list[str]
    threads: int | None = None

    def __call__(self) -> tuple[str, Any]:
        """Carry the stage out and return how it ended; see :mod:`fdd_lightning.runs.worker`."""
        sys.path[:] = self.modules
        os.environ.pop("SLURM_NTASKS", None)  # Lightning would take SLURM's tasks for its own processes
        threads = min(torch.get_num_threads(), self.threads or torch.get_num_threads())
        torch.set_num_threads(threads)
        wait_until_free(self.folder)  # of the job of a run that was killed: jobs outlive it
        with time_limit() as limit, stoppable():
            kind, told = outcome(self.work, Share(threads).environment)
        if kind == STOPPED and limit.reached:
            limit.put_in_the_queue_again()
        return kind, told

    def checkpoint(self) -> Any:
        """Return what submitit does in the next job where this one's time is up."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class TimeLimit:
    """The end of a job's time, told by a signal.

    Args:
        before: The handler of the signal that submitit installed, if it did.
    """

    def __init__(self, before: Any) -> None:
        self.before = before
        self.reached = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Let the stage save what it is at, as it does when it is told to stop."""
        self.reached = True
        os.kill(os.getpid(), signal.SIGTERM)

    def put_in_the_queue_again(self) -> None:
        """Let submitit do what it does at the signal: it ends this process."""
        self.before(getattr(signal, TIME_IS_UP), None)


@contextmanager
def time_limit() -> Iterator[TimeLimit]:
    """Notice inside the block when the job's time will soon be up."""
    number = getattr(signal, TIME_IS_UP)
    before = signal.getsignal(number)
    limit = TimeLimit(before)
    watched = callable(before) and threading.current_thread() is threading.main_thread()
    if watched:
        signal.signal(number, limit)
    try:
        yield limit
    finally:
        if watched:
            signal.signal(number, before)
