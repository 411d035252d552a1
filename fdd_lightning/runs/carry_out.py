"""Carry one stage of a run out, in this process or in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from fdd_lightning.errors import FDDError, WriteError, in_one_line, shown
from fdd_lightning.runs.stage import Stage
from fdd_lightning.stages.stage_run import INSIDE_RUN, run_stage
from fdd_lightning.utils.progress import Screen
from fdd_lightning.utils.stopping import PATIENCE, SIGNALS, Stopped


@dataclass(frozen=True)
class Work:
    """What is to be done of a stage.

    Attributes:
        kind: ``fit``, ``distill`` or ``eval``.
        title: What it is, for people.
        command: Its command line behind the kind.
        devices: How many devices it uses, as its trainer takes them.

    Example:
        >>> Work("distill", "dm", ["--model=dm"]).devices
        1
    """

    kind: str
    title: str
    command: list[str]
    devices: Any = 1

    @classmethod
    def of(cls, stage: Stage) -> Work:
        """Return that of a planned stage."""
        return cls(stage.kind, stage.title, stage.command, stage.config["trainer"]["devices"])


class Here:
    """One stage at a time, in this process.

    Example:
        >>> Here().running
        False
    """

    several = False

    def __init__(self) -> None:
        self._ended: list[tuple[Stage, str]] = []

    @property
    def running(self) -> bool:
        """Whether there is an outcome to be taken."""
        return bool(self._ended)

    def has_room(self, stage: Stage) -> bool:
        """Tell whether a stage could begin now."""
        return not self._ended

    def start(self, stage: Stage, name: str) -> None:
        """Carry a stage out; what it says stands below its name."""
        self._ended.append((stage, attempt(Work.of(stage))))

    def outcomes(self) -> Iterator[tuple[Stage, str]]:
        """Yield the stages that ended, each with the line of its error, if any."""
        while self._ended:
            yield self._ended.pop()


@contextmanager
def here(screen: Screen) -> Iterator[Here]:
    """Give the place in this process."""
    yield Here()


def attempt(work: Work, environment: Mapping[str, str] | None = None) -> str:
    """Carry a stage out, and return the line of its error, with which others may still go on.

    Of an error that is none of the user's (in a class of their own, say) the traceback is shown.

    Args:
        work: The stage.
        environment: What its own processes find in their environment beside what this one does.

    Returns:
        The line, empty where the stage is done.

    Raises:
        WriteError: The disk is full: of that the others would die as well.
        Stopped: By a signal.
    """
    try:
        _carry_out(work, environment or {})
    except (WriteError, BrokenPipeError):
        raise
    except Exception as error:
        if os.environ.get("FDD_DEBUG"):
            raise
        line = in_one_line(error) if isinstance(error, FDDError | OSError) else None
        if line is None:
            traceback.print_exc()
            line = shown(f"{type(error).__name__}: {' '.join(str(error).split())}")
        return line
    return ""


def _carry_out(work: Work, environment: Mapping[str, str]) -> None:
    """Run a stage in this process, or as a process of its own where it uses several devices."""
    os.environ[INSIDE_RUN] = "1"
    try:
        if work.devices in (1, "1"):
            run_stage(work.kind, work.command)
            return
        # Lightning starts its other processes from the command line: in this one they would run the whole recipe.
        command = [sys.executable, "-m", "fdd_lightning", work.kind, *work.command]
        code = _wait_for(command, {**os.environ, **environment})
        for number in SIGNALS:
            if code == Stopped(number).code:
                raise Stopped(number)
        if code:
            raise FDDError(f"{work.kind} {work.title} ended with code {code}: see the lines above")
    finally:
        os.environ.pop(INSIDE_RUN, None)


def _wait_for(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a command and return its exit code; a signal to stop is handed on, and the end waited for a little."""
    process = subprocess.Popen(command, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt as stop:
        if Stopped.of(stop).number != signal.SIGINT:  # Ctrl-C reaches it by itself, and a second one would cut it off
            process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE + 1)
        process.kill()
        raise
