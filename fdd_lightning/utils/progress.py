"""Progress of long work outside a trainer: a bar with rate and time left, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from torch import Tensor


def track(chunks: Iterable[Tensor], total: int, label: str) -> Iterator[Tensor]:
    """Pass chunks on and show how many rows of them have gone by.

    Args:
        chunks: Tensors, (n, ...).
        total: Rows of all chunks together.
        label: What is being done.

    Yields:
        The chunks.
    """
    with _bar(MofNCompleteColumn(), TextColumn("{task.fields[rate]}")) as progress:
        task = progress.add_task(label, total=total, rate="")
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))
            speed = progress.tasks[task].speed
            progress.update(task, rate=f"{speed:,.0f}/s" if speed else "")


@contextmanager
def count_bytes(label: str, total: int | None, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show how many bytes of a file are done.

    Args:
        label: What is being done.
        total: Bytes of the whole file, if that is known.
        done: Bytes that were there at the start.

    Yields:
        A function to be told the bytes done so far, those of the start included.
    """
    with _bar(DownloadColumn(), TransferSpeedColumn()) as progress:
        task = progress.add_task(label, total=total, completed=done)
        yield lambda reached: progress.update(task, completed=reached)


def _bar(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
