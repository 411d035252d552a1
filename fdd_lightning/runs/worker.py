"""A process that carries out one stage after the other for a run, and tells it how far it is.

It begins to import what stages need before the first of them comes. It ends with the run, however that ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch

from fdd_lightning.errors import WriteError
from fdd_lightning.runs.carry_out import Work, attempt
from fdd_lightning.utils.progress import show_elsewhere
from fdd_lightning.utils.stopping import Stopped, stoppable

PROGRESS, DONE, FULL, STOPPED, BROKEN = "progress", "done", "full", "stopped", "broken"
"""What a worker tells the run: each with its details."""

EVERY = 0.2
"""Seconds between two steps that are told, at least."""


class Relay:
    """The display of a worker: the run's process shows what comes.

    Args:
        connection: To the run.

    Example:
        >>> from multiprocessing import Pipe
        >>> here, there = Pipe()
        >>> Relay(here).begin("distill dm", 0, 5)
        >>> there.recv()
        ('progress', ('begin', 0, 5))
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.told = 0.0

    def begin(self, title: str, first: int, total: int) -> None:
        """Tell where work begins."""
        self.connection.send((PROGRESS, ("begin", first, total)))

    def at(self, title: str, step: int, note: Callable[[], str]) -> None:
        """Tell now and then at what step it is."""
        if time.monotonic() - self.told > EVERY:
            self.told = time.monotonic()
            self.connection.send((PROGRESS, ("at", step)))

    def end(self, title: str) -> None:
        """The run hears of the end of the stage by other means."""


def outcome(work: Work, environment: Mapping[str, str]) -> tuple[str, Any]:
    """Carry a stage out and return how it ended, to be told."""
    try:
        return DONE, attempt(work, environment)
    except WriteError as error:
        return FULL, str(error)
    except KeyboardInterrupt as stop:
        return STOPPED, str(stop)
    except (Exception, SystemExit):  # no error of the user's: shown as a single process would show it
        return BROKEN, traceback.format_exc()


def error_of(kind: str, told: Any, name: str) -> str:
    """Return the line of the error, if any, of a stage of this name by what was told of its end.

    Raises:
        WriteError: The disk is full.
        RuntimeError: It ended with an error that is none of the user's.
    """
    if kind == FULL:
        raise WriteError(told)
    if kind == BROKEN:
        raise RuntimeError(f"{name}\n{told}")
    return str(told) if kind == DONE else "its process was told to stop: the same command goes on"


def main(descriptor: int, threads: int) -> None:
    """Carry out what comes, until the run ends.

    Args:
        descriptor: The open file of the connection to the run.
        threads: The number of threads.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run hears Ctrl-C, and tells by SIGTERM
    os.set_inheritable(descriptor, False)
    connection = Connection(descriptor)
    works: SimpleQueue[tuple[Work, Mapping[str, str]]] = SimpleQueue()

    def listen() -> None:
        with suppress(EOFError, OSError):
            while True:
                works.put(connection.recv())
        os.killpg(0, signal.SIGKILL)  # the run is no more: with what this process has started

    Thread(target=listen, daemon=True).start()
    torch.set_num_threads(threads)
    show_elsewhere(Relay(connection))
    with suppress(Stopped), stoppable():
        while True:
            ended = outcome(*works.get())
            sys.stdout.flush()
            sys.stderr.flush()
            connection.send(ended)
