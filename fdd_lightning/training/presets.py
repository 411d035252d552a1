"""The presets of the evaluation: regimes by name, files of ``configs/eval`` or of the user."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch.optim import SGD

from fdd_lightning.augment import DSA, Augmentation
from fdd_lightning.configuration.choices import build, rebuild, spec_of
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.menu import find
from fdd_lightning.errors import ConfigError
from fdd_lightning.training.regime import Regime
from fdd_lightning.training.schedules import PastHalf, Schedule
from fdd_lightning.utils.checks import require


class Preset(Regime):
    """How networks are trained to judge a set, for a number of epochs by SGD, and how many networks.

    The defaults are those of DM's code (VICO-UoE/DatasetCondensation: ``utils.py``, ``evaluate_synset``).

    Args:
        epochs: Passes over a synthetic set.
        epochs_real: Passes over a real set, of which a pass has hundreds of times as many steps.
        networks: Networks that are trained on each set.
        batch_size: Images per step.
        lr: Learning rate at the start, where none was learned with the set.
        momentum: Momentum.
        weight_decay: Weight decay.
        schedule: When the learning rate falls.
        augmentation: Applied to every batch, with parameters per image.
        cutmix: Probability that the images of a batch are mixed after it (beta 1).

    Raises:
        ConfigError: A number cannot mean anything.

    Example:
        >>> Preset(epochs=301).num_steps(per_epoch=2)
        602
    """

    menu = "eval"

    def __init__(
        self,
        epochs: int = 1001,
        epochs_real: int = 101,
        networks: int = 5,
        batch_size: int = 256,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        schedule: Schedule = PastHalf(),
        augmentation: Augmentation = DSA(),
        cutmix: float = 0.0,
    ) -> None:
        counts = {"epochs": epochs, "epochs_real": epochs_real, "networks": networks, "batch_size": batch_size}
        require(counts, least=1)
        require({"lr": lr, "momentum": momentum, "weight_decay": weight_decay}, least=0)
        require({"cutmix": cutmix}, least=0, most=1)
        optimizer = partial(SGD, lr=lr, momentum=momentum, weight_decay=weight_decay)
        super().__init__(optimizer, epochs, batch_size, augmentation=augmentation)
        self.epochs_real = epochs_real
        self.networks = networks
        self.lr = lr
        self.schedule = rebuild(schedule)
        self.cutmix = cutmix

    def on_real(self) -> Preset:
        """Return it for a training on a real set."""
        return self.changed(epochs=self.epochs_real)

    def num_steps(self, per_epoch: int) -> int:
        """Return the optimiser steps of the whole training, given those of an epoch."""
        return self.length * per_epoch

    def rate(self, step: int, per_epoch: int) -> float:
        """Return what the learning rate is multiplied with at a step, counted from 0."""
        return float(self.schedule.factor ** sum(drop <= step for drop in self.drops(per_epoch)))

    def forgets(self, step: int, per_epoch: int) -> bool:
        """Tell whether the optimiser is made anew before a step, so that momentum is lost."""
        return self.schedule.forgets and step in self.drops(per_epoch)

    def drops(self, per_epoch: int) -> list[int]:
        """Return the steps before which the learning rate falls; some may lie past the end."""
        return [per_epoch * epoch for epoch in self.schedule.drops(self.length)]

    @property
    def arguments(self) -> dict[str, Any]:
        """The Evaluator's arguments that follow from it where they are not given, choices as specs."""
        return {"count": self.networks, "batch_size": self.batch_size, "augmentation": spec_of(self.augmentation)}


def named(name: str) -> Preset:
    """Return a preset, by its name in ``configs/eval`` or by the path of a file.

    Raises:
        ConfigError: There is no such file, or it does not describe a preset.

    Example:
        >>> named("quick").epochs_real
        10
    """
    spec = find("eval", name, "preset")
    try:
        preset = build(spec)
    except (TypeError, ConfigError) as error:
        raise ConfigError(f"preset {name} cannot be used: {' '.join(str(error).split())}") from None
    if not isinstance(preset, Preset):
        raise ConfigError(f"preset {name} cannot be used: {spec['class_path']} is no Preset of fdd_lightning.training")
    return preset


def regime_of(evaluator: Mapping[str, Any], *, on_real: bool = False) -> Regime:
    """Return how an evaluation trains: by the trainer's own regime, or by the preset as changed.

    Args:
        evaluator: The Evaluator's arguments, choices as specs; defaults may be left out but for ``learner``.
        on_real: Whether it trains on the real set instead of a synthetic one.
    """
    own = complete(evaluator["learner"])["init_args"].get("regime")
    if own is not None:
        regime: Regime = build(own)
        return regime
    changes = {key: build(evaluator.get(key)) for key in ("epochs", "lr", "batch_size", "augmentation")}
    preset = named(evaluator.get("preset") or "reference")
    return (preset.on_real() if on_real else preset).changed(**changes)


def refuse_mixing(regime: Regime, algorithm: Any, where: str) -> None:
    """Refuse an algorithm (its class) that takes no mixed labels where its regime mixes images.

    Raises:
        ConfigError: With the ways out; ``where`` says whose regime it is.
    """
    if regime.cutmix and not algorithm.soft_labels:
        raise ConfigError(
            f"{where} mixes images and their labels (cutmix), which trainer {algorithm.name} does not take: "
            "use trainer erm, a preset without, or give the trainer a regime"
        )
