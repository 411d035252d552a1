"""Stages as jobs of a cluster: they are handed to submitit, looked after, and cancelled with the run."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fdd_lightning.errors import ConfigError
from fdd_lightning.runs.carry_out import Work
from fdd_lightning.runs.cluster import Cluster
from fdd_lightning.runs.job import Job
from fdd_lightning.runs.jobs import number_of_jobs, shares
from fdd_lightning.runs.place import stopping, together
from fdd_lightning.runs.side_by_side import Lines
from fdd_lightning.runs.stage import Stage
from fdd_lightning.runs.worker import DONE, STOPPED, error_of
from fdd_lightning.utils.progress import Screen
from fdd_lightning.utils.stopping import Stopped

LOOK = 0.5
"""Seconds between two looks at all jobs; the cluster itself is asked much less often."""

ENDING = 20.0
"""Seconds that jobs have to save what they are at when a run is stopped."""

OWN = "submitit "
"""How the lines begin that submitit writes into a job's log of its own accord."""


@dataclass
class Submitted:
    """A job that was handed in.

    Attributes:
        stage: What it carries out.
        name: What that is called, before each line that it says.
        job: submitit's job.
        logs: What it writes, as far as there is anything.
        left_result: Whether it has told how it ended.
    """

    stage: Stage
    name: str
    job: Any
    logs: dict[Path, Lines] = field(default_factory=dict)
    left_result: bool = False

    def says(self, *, last: bool = False) -> Iterator[tuple[bool, str]]:
        """Yield the lines that it has written since, each with whether it is one of errors."""
        for path in (self.job.paths.stderr, self.job.paths.stdout):
            if path not in self.logs and path.exists():
                self.logs[path] = Lines(path.open("rb"))
            for line in self.logs[path].read(last=last) if path in self.logs else ():
                if not line.startswith(OWN):
                    yield path == self.job.paths.stderr, line

    def ended(self) -> tuple[str, Any]:
        """Return how it ended, and details."""
        try:
            kind, told = self.job.result()
        except RuntimeError:  # as all of submitit's errors are
            where = f"see {self.job.paths.stderr}; the same command goes on"
            return DONE, f"job {self.job.job_id} ended without a result ({self.job.state}): {where}"
        self.left_result = True
        return kind, told

    def close(self) -> None:
        """Read its logs no longer, and remove its files; the logs stay where it left no result."""
        for each in self.logs.values():
            each.stream.close()
        _remove(self.job.paths.folder, self.job.job_id, logs=self.left_result)


class OnCluster:
    """Jobs of a cluster.

    Args:
        cluster: Which.
        jobs: How many at once, at most; None for all that can run (on this machine: as many as it can take).
        folder: Where jobs and their logs lie.
        screen: Where all that is said is shown.
    """

    several = True

    def __init__(self, cluster: Cluster, jobs: int | None, folder: Path, screen: Screen) -> None:
        self.cluster = cluster
        self.folder = folder
        self.screen = screen
        self.jobs, self.threads = jobs, cluster.threads
        if cluster.executor == "local":
            self.jobs = jobs or number_of_jobs("auto")
            self.threads = self.threads or shares(self.jobs)[0].threads
        self.executor = cluster.open(folder)
        self.submitted: list[Submitted] = []

    @property
    def running(self) -> bool:
        """Whether anything is under way."""
        return bool(self.submitted)

    def has_room(self, stage: Stage) -> bool:
        """Tell whether a job could be handed in now."""
        return self.jobs is None or len(self.submitted) < self.jobs

    def start(self, stage: Stage, name: str) -> None:
        """Hand in the job of a stage, and show it by this name.

        Raises:
            ConfigError: The cluster refuses it.
        """
        work = Job(Work.of(stage), stage.folder.path, sys.path, self.threads)
        try:
            with _without_interrupts():
                job = self.executor.submit(work)
        except (RuntimeError, OSError) as error:
            told = [line for line in str(error).splitlines() if line.strip()]
            last = told[-1].strip() if told else type(error).__name__
            raise ConfigError(f"{self.cluster.file}: {self.cluster.executor} refuses a job: {last}") from error
        self.submitted.append(Submitted(stage, name, job))
        self.screen.open(name)

    def outcomes(self) -> Iterator[tuple[Stage, str]]:
        """Wait until something happens, and yield the stages that ended, each with the line of its error, if any.

        Raises:
            Stopped: By a signal that a stage in this very process noticed.
            WriteError: The disk is full.
            RuntimeError: A stage ended with an error that is none of the user's.
        """
        ended = self._ended()
        for each, kind, told in ended:
            if kind == STOPPED and self.cluster.executor == "debug":
                raise Stopped(signal.SIGINT, told)
            yield each.stage, error_of(kind, told, each.name)
        if not ended:
            time.sleep(LOOK)

    def _ended(self) -> list[tuple[Submitted, str, Any]]:
        """Show what was said, and return the jobs that ended: how, and the details."""
        ended = []
        for each in list(self.submitted):
            over = each.job.done()
            for error, line in each.says(last=over):
                (self.screen.say if error else self.screen.put)(f"{each.name}: {line}")
            if over:
                kind, told = each.ended()
                self.submitted.remove(each)
                self.screen.end(each.name)
                each.close()
                ended.append((each, kind, told))
        return ended

    def stop(self) -> str:
        """Cancel all jobs, which save what they are at, and return how they go on."""
        for each in self.submitted:
            with suppress(OSError):
                self._cancel(each.job)
        notes: list[str] = []
        end = time.monotonic() + ENDING
        while self.submitted and time.monotonic() < end:
            ended = self._ended()
            notes += [told for _, kind, told in ended if kind == STOPPED and told]
            if not ended:
                time.sleep(LOOK)
        return together(notes)

    def _cancel(self, job: Any) -> None:
        """Ask a job to stop: SLURM does that by SIGTERM; here it is sent, as submitit would leave a second only."""
        if self.cluster.executor == "local":
            os.kill(int(job.job_id), signal.SIGTERM)
        else:
            job.cancel(check=False)

    def close(self) -> None:
        """Let go of all jobs; where nothing is left in it, the folder goes."""
        self.screen.close()
        for each in self.submitted:
            each.close()
        for result in self.folder.glob("*_result.pkl"):  # of jobs that outlived an earlier run
            _remove(self.folder, result.name.partition("_")[0], logs=True)
        for link in self.folder.glob(".submission_file_*"):
            if not link.exists():  # to what was removed
                link.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()


def _remove(folder: Path, job: str, *, logs: bool) -> None:
    """Remove the files of a job, the logs too or not."""
    for path in folder.glob(f"{job}_*"):
        if logs or not path.name.endswith(("_log.out", "_log.err")):
            path.unlink(missing_ok=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from processes that are started inside the block: the run hears it, and tells them in its own way."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def on_cluster(cluster: Cluster, jobs: int | None, folder: Path, screen: Screen) -> Iterator[OnCluster]:
    """Give a place for stages as jobs; whatever ends the block cancels them.

    Raises:
        Stopped: By a signal, with how the stages go on.
    """
    with stopping(OnCluster(cluster, jobs, folder, screen)) as place:
        yield place
