"""How many stages run at once, and what each of them gets of the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass

from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.memory import physical_memory

AUTO = "auto"
MOST = 8
"""Stages that `auto` runs at once on CPUs, at most: as many as a display can hold."""
MEMORY = 2 * 2**30
"""Bytes of memory that `auto` leaves each of them."""


@dataclass(frozen=True)
class Share:
    """What a stage gets of the machine.

    Attributes:
        threads: Number of threads.
        gpus: The GPUs that it sees, as ``CUDA_VISIBLE_DEVICES`` names them; empty to leave that as it is.

    Example:
        >>> Share(threads=1).environment
        {'OMP_NUM_THREADS': '1'}
    """

    threads: int
    gpus: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process of its share."""
        gpus = {"CUDA_VISIBLE_DEVICES": ",".join(dict.fromkeys(self.gpus))} if self.gpus else {}
        return {"OMP_NUM_THREADS": str(self.threads), **gpus}


def number_of_jobs(text: str) -> int:
    """Return how many stages run at once, by what was said of it.

    ``auto`` is one on each GPU where there are any. On CPUs it is one on each core: two stages of one thread are faster
    than one after the other with two, as stages on small images cannot keep several threads busy.

    Raises:
        ConfigError: It is no number of stages.

    Example:
        >>> number_of_jobs("3")
        3
    """
    if text == AUTO:
        import torch  # slow to import; a number is told without

        if torch.accelerator.is_available():
            return max(1, torch.accelerator.device_count())
        return max(1, min(cores(), MOST, physical_memory() // MEMORY))
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ConfigError(f"--jobs {text}: expected a number of stages that run at once, or {AUTO}")
    return int(text)


def shares(jobs: int) -> list[Share]:
    """Return what each of several stages at once gets: of the cores equally many, of several GPUs one in turn.

    No stage has more threads than this process would use: ``OMP_NUM_THREADS`` says so.
    """
    import torch

    threads = max(1, min(torch.get_num_threads(), cores() // jobs))
    gpus = _gpus()
    return [Share(threads, (gpus[n % len(gpus)],) if len(gpus) > 1 else ()) for n in range(jobs)]


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpus() -> list[str]:
    """Return the names of the GPUs that this process sees, as ``CUDA_VISIBLE_DEVICES`` takes them."""
    import torch

    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return named[:count] if len(named) >= count else [str(number) for number in range(count)]
