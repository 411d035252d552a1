"""Moves between the host and a device that nobody waits for."""

from __future__ import annotations

import torch
from torch import Tensor


def moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    """Return a tensor on a device; one that comes from the host is on its way, and nothing waits for it.

    A plain ``to`` lets the host wait until a GPU has done all that it was given. Way back to the host is plain.

    Example:
        >>> moved(torch.tensor(3), "cpu")
        tensor(3)
    """
    return tensor.to(device, non_blocking=not tensor.is_cuda)


def moved_like(tensor: Tensor, other: Tensor) -> Tensor:
    """Return a tensor where another is, and of its kind of numbers; see :func:`moved`.

    Example:
        >>> moved_like(torch.tensor([3]), torch.zeros(1))
        tensor([3.])
    """
    return moved(tensor.to(other.dtype), other.device)
