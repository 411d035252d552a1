"""Progress of long work outside a trainer: a bar with rate and time left, on a terminal only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor


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
