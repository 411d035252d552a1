"""Locks: one command at a time. They are the system's own, so they end with the process, however that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.files import remove_temporaries, writing

LOCK = ".lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock's file, waiting for the process that has it."""
    with FileLock(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # whoever waits for the file that was removed makes a new one


def wait_until_free(output: str | Path) -> None:
    """Wait until no other command works in an output folder."""
    lock = Path(output) / LOCK
    if lock.exists():
        with FileLock(lock):  # what is left of it goes with the command that comes
            pass


@contextmanager
def held(output: str | Path) -> Iterator[None]:
    """Hold an output folder for one command; it is made, and goes again if nothing came into it.

    What a killed command left half-written there is removed.

    Raises:
        ConfigError: Another command works there.
        WriteError: The folder cannot be written to.
    """
    folder = Path(output)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        with writing(folder / LOCK):
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except Timeout:
        raise ConfigError(
            f"another command works in {str(folder)!r}: wait until it ends, or choose another --output"
        ) from None
    try:
        remove_temporaries(folder)
        yield
    finally:
        with suppress(OSError):
            (folder / LOCK).unlink()
        lock.release()
        with suppress(OSError):  # not empty
            for path in made:
                path.rmdir()
