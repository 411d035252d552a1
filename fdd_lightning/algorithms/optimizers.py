"""One optimiser for several learners side by side, whose parameters may be trained by several kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from fdd_lightning.algorithms.base import Algorithm
from fdd_lightning.algorithms.regime import OptimizerFactory
from fdd_lightning.errors import ConfigError


class Joint(Optimizer):
    """Several optimisers that step as one.

    Args:
        members: The optimisers, of different parameters.
    """

    def __init__(self, members: Sequence[Optimizer]) -> None:
        super().__init__([{"params": list(_parameters(member))} for member in members], {})
        self.members = list(members)
        self._gather()

    def _gather(self) -> None:
        """Show the members' own groups: they are replaced when a state is loaded."""
        self.param_groups = [group for member in self.members for group in member.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Let every optimiser take a step."""
        loss = None if closure is None else closure()
        for member in self.members:
            member.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all."""
        return {"members": [member.state_dict() for member in self.members]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the states of all back."""
        for member, state in zip(self.members, state_dict["members"], strict=True):
            member.load_state_dict(state)
        self._gather()

    def forget(self) -> None:
        """Drop what the optimisers remember of earlier steps."""
        for member in self.members:
            member.state.clear()


def _parameters(optimizer: Optimizer) -> Iterable[nn.Parameter]:
    for group in optimizer.param_groups:
        yield from group["params"]


def build_optimizer(learners: Sequence[Algorithm], main: OptimizerFactory) -> Optimizer:
    """Return the optimiser of learners of one kind; it treats each parameter by itself, so they do not mix.

    Args:
        learners: The learners.
        main: The optimiser of all parameters for which a learner names no other.

    Raises:
        ConfigError: An optimiser refuses its settings.
    """
    made: list[Optimizer] = []
    for parts in zip(*(learner.parts() for learner in learners), strict=True):
        factory = parts[0][0]
        parameters = [parameter for _, part in parts for parameter in part]
        try:
            made.append((factory or main)(parameters))
        except ValueError as error:  # how torch's optimisers refuse settings
            raise ConfigError(f"the optimiser of trainer {learners[0].name}: {error}") from None
        if factory is None:
            for group in made[-1].param_groups:
                group["initial_lr"] = group["lr"]
    return made[0] if len(made) == 1 else Joint(made)


def set_rate(optimizer: Optimizer, factor: float) -> None:
    """Set the learning rate to that of the start times a factor, but for parts with an optimiser of their own."""
    for group in optimizer.param_groups:
        if "initial_lr" in group:
            group["lr"] = group["initial_lr"] * factor


def forget(optimizer: Optimizer) -> None:
    """Drop what an optimiser remembers of earlier steps, such as momentum."""
    if isinstance(optimizer, Joint):
        optimizer.forget()
    else:
        optimizer.state.clear()
