"""One optimiser for several networks side by side, whose parts may be trained by several kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from fdd_lightning.errors import ConfigError
from fdd_lightning.training.regime import OptimizerFactory


class Joint(Optimizer):
    """Several optimisers, of different parameters, that step as one.

    Example:
        >>> from torch.optim import SGD, Adam
        >>> joint = Joint([kind(nn.Linear(1, 1).parameters(), lr=lr) for kind, lr in ((SGD, 0.1), (Adam, 0.2))])
        >>> [group["lr"] for group in joint.param_groups]
        [0.1, 0.2]
    """

    def __init__(self, members: Sequence[Optimizer]) -> None:
        groups = [group for member in members for group in member.param_groups]
        super().__init__([{"params": group["params"]} for group in groups], {})
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


def build_optimizer(
    parts: Iterable[Sequence[tuple[OptimizerFactory | None, list[nn.Parameter]]]], main: OptimizerFactory, of: str
) -> Optimizer:
    """Return one optimiser for all parameters; it treats each by itself, so networks do not mix.

    Args:
        parts: Which parameters are trained by which optimiser, of networks of one kind; None: by ``main``.
        main: The optimiser of the rest.
        of: The trainer's name, for messages.

    Raises:
        ConfigError: An optimiser refuses its settings.
    """
    optimizers: list[Optimizer] = []
    for alike in zip(*parts, strict=True):
        factory = alike[0][0]
        parameters = [parameter for _, part in alike for parameter in part]
        try:
            optimizers.append((factory or main)(parameters))
        except ValueError as error:  # how torch's optimisers refuse settings
            raise ConfigError(f"the optimiser of trainer {of}: {error}") from None
        if factory is None:
            for group in optimizers[-1].param_groups:
                group["initial_lr"] = group["lr"]
    return optimizers[0] if len(optimizers) == 1 else Joint(optimizers)


def set_rate(optimizer: Optimizer, factor: float) -> None:
    """Set the learning rate to that of the start times a factor, but for parts with an optimiser of their own."""
    for group in optimizer.param_groups:
        if "initial_lr" in group:
            group["lr"] = group["initial_lr"] * factor


def members(optimizer: Optimizer) -> list[Optimizer]:
    """Return the optimisers that it is made of; itself as a rule."""
    return optimizer.members if isinstance(optimizer, Joint) else [optimizer]


def forget(optimizer: Optimizer) -> None:
    """Drop what an optimiser remembers of earlier steps, such as momentum."""
    for member in members(optimizer):
        member.state.clear()
