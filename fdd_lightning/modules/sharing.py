"""Algorithms that are shared out among processes, each of which trains some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor
from torch import distributed as dist
from torch.optim import Optimizer

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.training.optimizers import members


def bring_together(algorithms: Sequence[Algorithm], optimizers: Iterable[Optimizer], own: Iterable[int]) -> None:
    """Give every process what the others have learned, with what their optimisers remember; all call this together.

    Args:
        algorithms: All of them; every process has one of each.
        optimizers: Those that train them.
        own: Numbers of those that this process trains.
    """
    each = [member for optimizer in optimizers for member in members(optimizer)]

    def memory(algorithm: Algorithm) -> list[list[dict[str, Any] | None]]:
        return [[_on_cpu(m.state[p]) if p in m.state else None for p in algorithm.parameters()] for m in each]

    mine = {j: (_on_cpu(algorithms[j].state_dict()), memory(algorithms[j])) for j in own}
    everyones: list[dict[int, Any]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(everyones, mine)
    for rank, theirs in enumerate(everyones):
        for j, (state, remembered) in theirs.items():
            if j in mine or j % len(everyones) != rank:
                continue
            algorithms[j].load_state_dict(state)
            for member, values in zip(each, remembered, strict=True):
                for parameter, value in zip(algorithms[j].parameters(), values, strict=True):
                    member.state.pop(parameter, None)
                    if value is not None:
                        member.state[parameter] = _like(value, parameter)


def _on_cpu(values: dict[str, Any]) -> dict[str, Any]:
    """Return a dictionary with its tensors on the CPU."""
    return {key: value.detach().cpu() if isinstance(value, Tensor) else value for key, value in values.items()}


def _like(values: dict[str, Any], parameter: Tensor) -> dict[str, Any]:
    """Return a memory with its tensors where a parameter is; counts of steps stay on the CPU, as torch has them."""
    return {
        key: value.to(parameter.device) if isinstance(value, Tensor) and (value.ndim or key != "step") else value
        for key, value in values.items()
    }
