"""Stages side by side: processes that stay for many stages, what they say, and how they end."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import IO, Any

from fdd_lightning.errors import ConfigError
from fdd_lightning.runs.carry_out import Work
from fdd_lightning.runs.jobs import Share, shares
from fdd_lightning.runs.place import stopping, together
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.stage import Stage
from fdd_lightning.runs.time_estimates import estimate
from fdd_lightning.runs.worker import DONE, PROGRESS, STOPPED, error_of
from fdd_lightning.utils.progress import Screen
from fdd_lightning.utils.stopping import PATIENCE

BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from fdd_lightning.runs.worker import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)
"""What a worker runs; nothing is imported before it looks for modules where this process does."""

LOOK = 0.5
"""Seconds between two looks whether all workers live."""

ENDING = PATIENCE + 1.5
"""Seconds that workers have to save what they are at when a run is stopped."""


class Lines:
    """Whole lines out of what a process writes to one of its streams, or to a file.

    Args:
        stream: Where they are read.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        os.set_blocking(stream.fileno(), False)
        self.rest = b""

    def read(self, *, last: bool = False) -> Iterator[str]:
        """Yield the lines that are there; of what is the last of a stage also one without an end."""
        with suppress(BlockingIOError):
            while found := os.read(self.stream.fileno(), 1 << 16):
                self.rest += found
        *whole, self.rest = self.rest.split(b"\n")
        if last and self.rest:
            whole, self.rest = [*whole, self.rest], b""
        for line in whole:
            yield line.rpartition(b"\r")[2].decode(errors="replace")


class Worker:
    """A process that carries stages out, one after the other.

    Args:
        share: What it gets of the machine.

    Attributes:
        stage: What it is at; None where it is idle.
        name: What that is called, before each line that it says.
    """

    def __init__(self, share: Share) -> None:
        self.stage: Stage | None = None
        self.name = ""
        self.connection, there = Pipe()
        command = [sys.executable, "-P", "-c", BEGIN, json.dumps(sys.path), str(there.fileno()), str(share.threads)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **share.environment},
            pass_fds=[there.fileno()],
            start_new_session=True,  # Ctrl-C reaches this process alone
        )
        there.close()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def give(self, stage: Stage, name: str, environment: Mapping[str, str]) -> None:
        """Let it carry a stage out."""
        self.stage, self.name = stage, name
        with suppress(OSError):  # it has died: seen at the next look
            self.connection.send((Work.of(stage), environment))

    def sources(self) -> list[int]:
        """Return the descriptors of what may have something to say."""
        return [self.connection.fileno(), self.out.stream.fileno(), self.err.stream.fileno()]

    def told(self) -> Iterator[tuple[str, Any]]:
        """Yield what it has told; where it lives no more, at last how it ended."""
        with suppress(EOFError, OSError):
            while self.connection.poll():
                yield self.connection.recv()
            if self.process.poll() is None:
                return
        yield DONE, _how_it_ended(self.process.wait())

    def stop(self) -> None:
        """Ask it to save what it is at."""
        self.process.terminate()

    def kill(self) -> None:
        """End it, with all that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for each in (self.connection, self.out.stream, self.err.stream):
            each.close()


def _how_it_ended(code: int) -> str:
    """Return the line on a process that ended before its stage did."""
    if code >= 0:
        return f"its process ended with code {code}: see the lines above"
    name = signal.Signals(-code).name
    memory = ", as the system does where memory runs out (fewer --jobs take less)" if -code == signal.SIGKILL else ""
    return f"its process was ended by {name}{memory}: the same command goes on"


class SideBySide:
    """Up to so many stages at once.

    Args:
        jobs: How many.
        screen: Where all that is said is shown.

    Raises:
        ConfigError: This system cannot do it.
    """

    several = True

    def __init__(self, jobs: int, screen: Screen) -> None:
        if not hasattr(os, "killpg"):
            raise ConfigError(f"--jobs {jobs}: this system can run stages only one after the other: leave it out")
        self.screen = screen
        self.shares = shares(jobs)
        self.workers: dict[int, Worker] = {}  # by the first place that it has
        self.taken: dict[int, list[int]] = {}  # the places of each worker that is at work

    @property
    def running(self) -> bool:
        """Whether anything is under way."""
        return bool(self.taken)

    def has_room(self, stage: Stage) -> bool:
        """Tell whether a stage could begin now."""
        return len(self._free()) >= self._needed(stage)

    def start(self, stage: Stage, name: str) -> None:
        """Let a stage begin, and show it by this name."""
        places = self._free()[: self._needed(stage)]
        first = places[0]
        if first not in self.workers:
            self.workers[first] = Worker(self.shares[first])
        gpus = tuple(gpu for place in places for gpu in self.shares[place].gpus)
        self.taken[first] = places
        self.workers[first].give(stage, name, Share(self.shares[first].threads, gpus).environment)
        self.screen.open(name)

    def outcomes(self) -> Iterator[tuple[Stage, str]]:
        """Wait until something happens, and yield the stages that ended, each with the line of its error, if any.

        Raises:
            WriteError: The disk is full.
            RuntimeError: A stage ended with an error that is none of the user's.
        """
        for worker, kind, told in self._heard(LOOK):
            stage = worker.stage
            assert stage is not None
            self._rest(worker)
            yield stage, error_of(kind, told, worker.name)

    def _heard(self, seconds: float) -> Iterator[tuple[Worker, str, Any]]:
        """Wait for at most so long, show what was said, and yield what ended: the worker, how, and the details."""
        busy = [self.workers[first] for first in self.taken]
        wait([source for worker in busy for source in worker.sources()], seconds)
        for worker in busy:
            for kind, told in worker.told():
                if kind == PROGRESS:
                    what, *numbers = told
                    getattr(self.screen, what)(worker.name, *numbers)
                    continue
                self._show(worker, last=True)
                yield worker, kind, told
                break
            else:
                self._show(worker)

    def _show(self, worker: Worker, *, last: bool = False) -> None:
        """Show what a worker has written, line by line, each with the name of its stage."""
        for line in worker.err.read(last=last):
            self.screen.say(f"{worker.name}: {line}")
        for line in worker.out.read(last=last):
            self.screen.put(f"{worker.name}: {line}")

    def _rest(self, worker: Worker) -> None:
        """Note that a worker's stage has ended; one that lives no more is replaced when the next begins."""
        self.screen.end(worker.name)
        first = next(place for place, each in self.workers.items() if each is worker)
        del self.taken[first]
        worker.stage = None
        if worker.process.poll() is not None:
            self.workers.pop(first).kill()

    def stop(self) -> str:
        """Let all stages save what they are at, and return how they go on."""
        for first in self.taken:
            self.workers[first].stop()
        notes: list[str] = []
        end = time.monotonic() + ENDING
        while self.taken and (left := end - time.monotonic()) > 0:
            for worker, kind, told in self._heard(left):
                self._rest(worker)
                notes += [told] if kind == STOPPED and told else []
        return together(notes)

    def close(self) -> None:
        """End all processes."""
        self.screen.close()
        for worker in self.workers.values():
            worker.kill()
        self.workers.clear()

    def _free(self) -> list[int]:
        """Return the places that nothing takes; those of processes that there are first."""
        taken = {place for places in self.taken.values() for place in places}
        return sorted((n for n in range(len(self.shares)) if n not in taken), key=lambda n: (n not in self.workers, n))

    def _needed(self, stage: Stage) -> int:
        """Return how many places a stage takes: one for each of its devices."""
        devices = str(stage.config["trainer"]["devices"])
        return min(int(devices), len(self.shares)) if devices.isdigit() else len(self.shares)


def longest_first(plan: Plan) -> list[Stage]:
    """Return the stages of a plan, those of the rows first that take longest: what is left to the end is short."""
    seconds = {id(stage): estimate(stage, plan.data_of(stage)) or 0.0 for stage in plan.stages()}
    rows = sorted(plan.rows, key=lambda row: -math.fsum(seconds[id(stage)] for stage in row.stages()))
    return list({id(stage): stage for row in rows for stage in row.stages()}.values())


@contextmanager
def side_by_side(jobs: int, screen: Screen) -> Iterator[SideBySide]:
    """Give a place for stages side by side; whatever ends the block stops them.

    Raises:
        Stopped: By a signal, with how the stages go on.
    """
    with stopping(SideBySide(jobs, screen)) as place:
        yield place
