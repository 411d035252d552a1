"""Where the stages of a run are carried out: in this process, in others beside it, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from fdd_lightning.runs.stage import Stage
from fdd_lightning.utils.progress import Screen
from fdd_lightning.utils.stopping import AGAIN, Stopped


class Place(Protocol):
    """A place that carries stages out.

    Attributes:
        several: Whether stages run at once there: those that take longest then begin first.

    Example:
        >>> from fdd_lightning.runs.carry_out import Here
        >>> Here.several
        False
    """

    several: bool

    @property
    def running(self) -> bool:
        """Whether anything is under way, or has ended and is still to be taken."""

    def has_room(self, stage: Stage) -> bool:
        """Tell whether a stage could begin now."""

    def start(self, stage: Stage, name: str) -> None:
        """Let a stage begin, and show it by this name."""

    def outcomes(self) -> Iterator[tuple[Stage, str]]:
        """Wait until something happens, and yield the stages that ended, each with the line of its error, if any."""


Opened = Callable[[Screen], AbstractContextManager[Place]]
"""Opens a place that shows all that is said on a screen, and closes it however a run ends."""


class Elsewhere(Place, Protocol):
    """A place in other processes, which are stopped with the run."""

    def stop(self) -> str:
        """Let all stages save what they are at, and return how they go on."""

    def close(self) -> None:
        """Let go of all processes."""


P = TypeVar("P", bound=Elsewhere)


@contextmanager
def stopping(place: P) -> Iterator[P]:
    """Give a place whose stages are stopped by whatever ends the block early.

    Raises:
        Stopped: By a signal, with how the stages go on.
    """
    try:
        yield place
    except KeyboardInterrupt as stop:
        raise Stopped.of(stop, place.stop()) from None
    except BaseException:
        place.stop()
        raise
    finally:
        place.close()


def together(notes: Iterable[str]) -> str:
    """Return how several stages go on, as one note."""
    notes = [note.removeprefix(AGAIN) for note in dict.fromkeys(notes)]
    return AGAIN + ", ".join(notes) if notes else ""
