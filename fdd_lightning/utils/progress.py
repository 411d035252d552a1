"""Progress of long work: a bar each with rate and time left on a terminal, else a line now and then."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text
from torch import Tensor

EVERY = 30.0
"""Seconds between two lines about the same work, where the output is a file."""

REFRESH = 0.25
"""Seconds between two looks of the bars, and of what is noted beside them."""


def track(chunks: Iterable[Tensor], total: int, label: str) -> Iterator[Tensor]:
    """Pass chunks, (n, ...), on and show how many of all rows, ``total``, have gone by."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as progress:
        task = progress.add_task(label, total=total, rate="")
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))
            speed = progress.tasks[task].speed
            progress.update(task, rate=f"{speed:,.0f}/s" if speed else "")


class Display(Protocol):
    """Where the steps of work under way are shown.

    Example:
        >>> isinstance(Screen().console, Console)
        True
    """

    def begin(self, title: str, first: int, total: int) -> None:
        """Show work that goes on from its step ``first`` of ``total``."""

    def at(self, title: str, step: int, note: Callable[[], str]) -> None:
        """Show that it is at a step; what is worth noting is asked for where it is shown."""

    def end(self, title: str) -> None:
        """Show it no longer."""


@dataclass
class _Work:
    """What is known of work that is shown by lines."""

    first: int
    total: int
    started: float
    spoken: float
    noted: float = -math.inf


class _Rate(TextColumn):
    """Steps per second."""

    def render(self, task: Any) -> Text:
        """Return the rate, or nothing before it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")


class _Steps(MofNCompleteColumn):
    """Steps of all, once it is known how many there are."""

    def render(self, task: Any) -> Text:
        """Return both numbers, or nothing."""
        return Text("") if task.total is None else super().render(task)


class Screen:
    """The display on stderr: a bar for each work on a terminal; a line for each every 30 seconds in a file.

    Args:
        several: Several works may run at once: a line each, cut to the terminal's width.

    Attributes:
        console: That of stderr.

    Example:
        >>> Screen().put("distill: x/synthetic.safetensors")
        distill: x/synthetic.safetensors
    """

    def __init__(self, *, several: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.several = several
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._works: dict[str, _Work] = {}

    def say(self, line: str, style: str = "") -> None:
        """Write a line to stderr, above the bars."""
        self.console.print(Text(line, style), soft_wrap=True)

    def put(self, line: str) -> None:
        """Write a line to stdout; where that is the terminal of the bars, above them."""
        if self._bars is not None and sys.stdout.isatty():
            self.say(line)
        else:
            print(line, flush=True)

    def open(self, title: str) -> None:
        """Show work of which it is not yet known how many steps it takes; on a terminal only."""
        if not self.console.is_terminal:
            return
        if self._bars is None:
            self._bars = Progress(
                *self._columns(),
                console=self.console,
                refresh_per_second=1 / REFRESH,
                expand=self.several,
                redirect_stdout=sys.stdout.isatty(),  # else what is printed to a file would come here
            )
            self._bars.start()
        if title not in self._tasks:
            self._tasks[title] = self._bars.add_task(title, total=None, note="")

    def begin(self, title: str, first: int, total: int) -> None:
        """Show work that goes on from its step ``first`` of ``total``."""
        now = time.monotonic()
        self._works[title] = _Work(first, total, now, now)
        self.open(title)
        if self._bars is not None:
            self._bars.reset(self._tasks[title], total=total, completed=first, note="")

    def at(self, title: str, step: int, note: Callable[[], str] = str) -> None:
        """Show that it is at a step."""
        if self._bars is not None and title in self._tasks:
            self._bars.update(self._tasks[title], completed=step)
            work, now = self._works.get(title), time.monotonic()
            if work is None or now - work.noted >= REFRESH or step >= work.total:  # a note may wait for a device
                self._bars.update(self._tasks[title], note=note())
                if work is not None:
                    work.noted = now
        elif (work := self._works.get(title)) and time.monotonic() - work.spoken > EVERY and step > work.first:
            work.spoken = time.monotonic()
            rate = (step - work.first) / (work.spoken - work.started)
            left = (work.total - step) / rate
            sys.stderr.write(f"{title}: step {step} of {work.total}, {rate:.1f}/s, {left:.0f} s left\n")

    def count(self, title: str, done: int, total: int) -> None:
        """Show how much of something larger is done; on a terminal only."""
        if self.console.is_terminal:
            if title not in self._tasks:
                self.begin(title, done, total)
            self.at(title, done)

    def end(self, title: str) -> None:
        """Show it no longer: the last bar stays where it is, that of one of several goes."""
        self._works.pop(title, None)
        task = self._tasks.pop(title, None)
        if self._bars is None or task is None:
            return
        if self.several:
            self._bars.remove_task(task)
        if not self._tasks:
            self._bars.stop()
            self._bars = None

    def close(self) -> None:
        """Show nothing any longer."""
        for title in [*self._tasks, *self._works]:
            self.end(title)

    def _columns(self) -> list[ProgressColumn]:
        """Return what stands in a line: of several works each has just one, whose title may be cut."""
        cut = Column(ratio=1, no_wrap=True, overflow="ellipsis") if self.several else None
        title = TextColumn("{task.description}", markup=False, table_column=cut)
        done: list[ProgressColumn] = [title, BarColumn(16 if self.several else 40), _Steps(), _Rate("")]
        left: list[ProgressColumn] = [TextColumn("left"), TimeRemainingColumn(compact=self.several)]
        if self.several:
            return [*done, *left]
        return [*done, TimeElapsedColumn(), *left, TextColumn("{task.fields[note]}")]


_elsewhere: Display | None = None


def show_elsewhere(display: Display) -> None:
    """Let another process show what work of this one is at."""
    global _elsewhere
    _elsewhere = display


def display() -> Display:
    """Return where work of this process is shown: on a screen of its own, if no other process shows it."""
    return _elsewhere or Screen()
