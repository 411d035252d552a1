"""The optimiser of synthetic images and the schedule of its learning rate, tried before the first step."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fdd_lightning.configuration.choices import import_class, spec_of
from fdd_lightning.configuration.defaults import parameters
from fdd_lightning.errors import ConfigError
from fdd_lightning.training.regime import OptimizerFactory
from fdd_lightning.training.schedules import CosineDecay, ScheduleFactory

MOMENTUM = 0.5
"""Of plain SGD over the images, in every published method."""


TRIED = 100_000
"""Steps of a schedule that are tried at most, which takes a second."""


def image_optimizer(
    images: nn.Parameter,
    steps: int,
    lr: float,
    momentum: float = MOMENTUM,
    optimizer: OptimizerFactory | None = None,
    schedule: ScheduleFactory | None = None,
) -> tuple[Optimizer, LRScheduler | None]:
    """Return the optimiser of synthetic images, and its schedule if there is one.

    Both are tried over a whole run on a number first: what torch refuses at the last step is refused at once.

    Args:
        images: The images.
        steps: Steps of the run.
        lr: Learning rate, of whatever optimiser.
        momentum: Momentum of plain SGD.
        optimizer: The optimiser; None: SGD, as every method was published.
        schedule: When the learning rate falls; None: as the caller says.

    Raises:
        ConfigError: Torch refuses one of them.

    Example:
        >>> images = nn.Parameter(torch.zeros(1))
        >>> image_optimizer(images, steps=5, lr=0.1, optimizer=torch.optim.Adam)[0].param_groups[0]["lr"]
        0.1
    """
    if optimizer is None and schedule is None:
        return _built(images, lr, momentum, optimizer), None
    trial = nn.Parameter(torch.zeros(1))
    trial.grad = torch.zeros(1)
    part = "optimiser"
    try:
        tried = _built(trial, lr, momentum, optimizer)
        tried.step()
        if schedule is not None:
            part = "schedule"
            falling = _over(schedule, tried, steps)
            tried.step()  # a schedule wants to come after a step
            for _ in range(min(steps, TRIED)):
                falling.step()
    except Exception as error:  # torch refuses in many ways
        told = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"the {part} of the images cannot serve: {told}") from None
    made = _built(images, lr, momentum, optimizer)
    return made, None if schedule is None else _over(schedule, made, steps)


def _built(images: nn.Parameter, lr: float, momentum: float, optimizer: OptimizerFactory | None) -> Optimizer:
    group = [{"params": [images], "lr": lr}]
    return torch.optim.SGD(group, momentum=momentum) if optimizer is None else optimizer(group)


def _over(schedule: ScheduleFactory, optimizer: Optimizer, steps: int) -> LRScheduler:
    falling = schedule(optimizer)
    if isinstance(falling, CosineDecay):
        falling.steps = falling.steps or steps
    return falling


def refuse_what_has_no_effect(optimizer: OptimizerFactory | None, momentum: float) -> None:
    """Refuse a learning rate of the optimiser's own, and SGD's momentum beside another optimiser.

    Raises:
        ConfigError: With the way out.
    """
    spec = spec_of(optimizer)
    if spec is None:
        return
    if momentum != MOMENTUM:
        raise ConfigError("momentum is that of plain SGD: give it to the optimizer (its init_args), or leave that out")
    known = parameters(import_class(spec["class_path"]))
    if "lr" in known and spec.get("init_args", {}).get("lr", known["lr"].default) != known["lr"].default:
        raise ConfigError("optimizer.lr: the learning rate of the images is lr_images, whatever their optimiser is")
