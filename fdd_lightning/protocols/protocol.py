"""A protocol of evaluation, and the menu of them."""

from __future__ import annotations

from typing import Any

from fdd_lightning.augment import DSA, Augmentation
from fdd_lightning.configuration.choices import Choice, Spec, build, import_class, rebuild, spec_of
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.menu import find
from fdd_lightning.errors import ConfigError
from fdd_lightning.protocols.schedules import PastHalf, Schedule


class Protocol(Choice):
    """How networks are trained on a set, and how many; the optimiser is SGD.

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
        for key, count in counts.items():
            if count < 1:
                raise ConfigError(f"{key} must be at least 1, not {count}")
        for key, value in {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}.items():
            if not value >= 0:
                raise ConfigError(f"{key} must not be negative, but is {value}")
        if not 0 <= cutmix <= 1:
            raise ConfigError(f"cutmix is a probability in 0..1, not {cutmix}")
        self.epochs = epochs
        self.epochs_real = epochs_real
        self.networks = networks
        self.batch_size = batch_size
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = rebuild(schedule)
        self.augmentation = rebuild(augmentation)
        self.cutmix = cutmix

    def epochs_on(self, train_on: str) -> int:
        """Return the passes over a set, ``synthetic`` or ``real``."""
        return self.epochs_real if train_on == "real" else self.epochs

    @property
    def arguments(self) -> dict[str, Any]:
        """The Evaluator's arguments that follow from it where they are not given, choices as specs."""
        return {
            "count": self.networks,
            "batch_size": self.batch_size,
            "augmentation": spec_of(self.augmentation),
        }


def named(preset: str) -> Protocol:
    """Return the protocol of an entry of ``configs/eval``, or of a file.

    Raises:
        ConfigError: There is none, or it does not describe a protocol.
    """
    spec = find("eval", preset, "preset")
    try:
        protocol = build(spec)
    except (TypeError, ConfigError) as error:
        raise ConfigError(f"preset {preset!r} describes no protocol: {' '.join(str(error).split())}") from None
    if not isinstance(protocol, Protocol):
        raise ConfigError(f"preset {preset!r} describes no protocol: it must hold a class path of one, and init_args")
    return protocol


def refuse_mixing(preset: str, learner: Spec) -> None:
    """Refuse a trainer that takes no mixed labels, where the preset mixes and the trainer has no regime of its own.

    Args:
        preset: Name of a protocol.
        learner: Spec of the trainer.

    Raises:
        ConfigError: With the ways out.
    """
    cls: Any = import_class(learner["class_path"])
    regime = complete(learner)["init_args"].get("regime")
    if named(preset).cutmix and not cls.soft_labels and regime is None:
        raise ConfigError(
            f"preset {preset} mixes images and their labels (cutmix), which trainer {cls.name} does not take: use "
            "trainer erm, a preset without, or give the trainer a regime"
        )
