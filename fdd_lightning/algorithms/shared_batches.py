"""Batches that processes share: losses that compare images look at the union of the shares."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist


class _Union(torch.autograd.Function):
    """Gathers shares; the gradient of a share is summed over all processes.

    As ``torch.distributed.nn.functional.all_gather``, which torch 2.14 takes for outdated without a public successor.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.stack(parts, 1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # it may serve other terms of the loss as well
        dist.all_reduce(gradient)
        return gradient[dist.get_rank() :: dist.get_world_size()]


def union(own: Tensor) -> Tensor:
    """Return all processes' rows, in the order in which a single process would have them.

    Args:
        own: (n, ...): this process's strided share; equally many rows on each.

    Returns:
        (n * processes, ...). Gradients flow back to the process that a row came from.
    """
    gathered: Tensor = _Union.apply(own)
    return gathered


def share(whole: Tensor) -> Tensor:
    """Return this process's rows of a union."""
    return whole[dist.get_rank() :: dist.get_world_size()]


def by_process(whole: Tensor) -> Tensor:
    """Return a union with the rows of each process together."""
    world = dist.get_world_size()
    return torch.cat([whole[rank::world] for rank in range(world)])
