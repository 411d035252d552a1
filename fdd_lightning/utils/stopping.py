"""How a command is stopped from outside: by Ctrl-C (SIGINT) or by SIGTERM, the same way and at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

PATIENCE = 2.0
"""Seconds that a step under way may take until it is cut off."""

ALARM = hasattr(signal, "SIGALRM")
"""Whether the system has a clock that interrupts; without one a step under way is waited for."""

AGAIN = "the same command again "
"""How the note begins on what the command does when it is given again."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal asked the command to stop.

    Args:
        number: The signal.
        note: How to go on, for people.

    Example:
        >>> Stopped(signal.SIGTERM).code
        143
    """

    def __init__(self, number: int, note: str = "") -> None:
        super().__init__(note)
        self.number = number

    @property
    def code(self) -> int:
        """The exit code, as shells have it."""
        return 128 + self.number

    @classmethod
    def of(cls, stop: BaseException | None, note: str = "") -> Stopped:
        """Return what stopped the command, with a note where it has none; Python's own Ctrl-C bears no number."""
        return cls(getattr(stop, "number", signal.SIGINT), str(stop or "") or note)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _handled(handlers: dict[int, Any]) -> dict[int, Any]:
    """Install handlers of signals that are not ignored, and return those of before; threads can have none."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    wanted = {number: new for number, new in handlers.items() if signal.getsignal(number) is not signal.SIG_IGN}
    return {number: signal.signal(number, new) for number, new in wanted.items()}


def _restore(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the signals raise :class:`Stopped` inside the block."""
    before = _handled(dict.fromkeys(SIGNALS, _raise))
    try:
        yield
    finally:
        _restore(before)


class Deferral:
    """Notes the first signal instead of raising it, for work that can stop between two steps only.

    It is raised after all at the second signal, or where the step under way takes longer than :data:`PATIENCE`.

    Attributes:
        number: The signal that came, if one did.

    Example:
        >>> Deferral().number is None
        True
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def begin(self) -> None:
        """Note signals from here on."""
        self.number = None
        handlers: dict[int, Any] = dict.fromkeys(SIGNALS, self._note)
        if ALARM:
            handlers[signal.SIGALRM] = self._cut_off
        self._before = _handled(handlers)

    def end(self) -> None:
        """Leave signals to whom they were left before."""
        if ALARM and self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        _restore(self._before)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            raise Stopped(self.number)
        self.number = number
        if ALARM:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)

    def _cut_off(self, number: int, frame: FrameType | None) -> None:
        raise Stopped(self.number or signal.SIGTERM)
