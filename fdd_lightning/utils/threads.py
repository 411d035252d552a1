"""Tasks that are computed side by side, each with its share of torch's threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


def in_threads(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Compute tasks on a CPU side by side, where torch would spread each operation of one after another over threads.

    The operations of a small network are too short for that: two networks on a thread each take less time than one
    after another on two threads. Every task has equally many threads, so what it computes does not depend on the
    others. Tasks must share no state, and no generator of random numbers.

    Args:
        tasks: Gradients, autocast and inference mode are on or off in them as they are here.

    Returns:
        The results in order.

    Raises:
        Exception: What the first task that failed raised.

    Example:
        >>> in_threads([lambda: 1, lambda: 2, lambda: 3])
        [1, 2, 3]
    """
    threads = torch.get_num_threads()
    count = min(threads, len(tasks))
    if count < 2:
        return [task() for task in tasks]
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    rounded, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def work(task: Callable[[], T]) -> T:
        with torch.inference_mode(inference), torch.set_grad_enabled(grad), torch.autocast("cpu", dtype, rounded):
            return task()

    try:
        with ThreadPoolExecutor(count, "in-threads", torch.set_num_threads, (threads // count,)) as pool:
            return list(pool.map(work, tasks))
    finally:
        torch.set_num_threads(threads)  # in part it is one number for all threads
