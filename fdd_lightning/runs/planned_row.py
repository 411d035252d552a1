"""One row of a run to come: the stages that lead to it, and whether its data suffice."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.configuration.choices import build, import_class
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FDDError
from fdd_lightning.matching.weightings import Weighting
from fdd_lightning.modules.base_distiller import BaseDistiller
from fdd_lightning.modules.weighing import require_images
from fdd_lightning.runs.stage import Stage
from fdd_lightning.training import refuse_mixing, regime_of


@dataclass
class PlannedRow:
    """One row to come.

    Attributes:
        identity: The row's identity keys.
        evaluations: Its evaluations of each distilled set, in the order of the seeds: those of the first set first.
        data: The data module, not set up.

    Example:
        >>> from fdd_lightning.datamodules import ColoredDigits
        >>> PlannedRow({"dataset": "colored_digits"}, evaluations=[], data=ColoredDigits()).stages()
        []
    """

    identity: dict[str, Any]
    evaluations: list[Stage]
    data: BaseDataModule

    def stages(self) -> list[Stage]:
        """Return all stages of the row once, inputs first."""
        return list({id(stage): stage for each in self.evaluations for stage in each.with_inputs()}.values())

    def check_data(self, *, built: bool = True) -> None:
        """Refuse data that are missing or do not suffice, before the first of many stages runs.

        Args:
            built: Build the data where only that tells how many images a class has.

        Raises:
            DatasetNotFoundError: They are missing.
            ConfigError: The row's weighting or trainer needs groups, and the data have none, a class has fewer images
                than its method takes, or the trainer does not go with the evaluation's preset.
        """
        if self.data.missing is not None:
            raise DatasetNotFoundError(self.data.missing)
        made = self.evaluations[0].inputs.get("synthetic")
        if made is not None and self.data.num_groups < 2 and weighting_of(made.config["model"]).needs_groups:
            raise ConfigError(
                f"weighting {self.identity['weighting']} needs groups, and data set {self.data.name} has none: name a "
                "column of groups, or leave the weighting out (vanilla and kde need none)"
            )
        counts = self.data.class_counts()
        if counts is None and built:
            with suppress(FDDError):  # said when it is the first stage's turn: rows of other data go on
                self.data.prepare_data()
                counts = self.data.class_counts()
        if made is not None and counts is not None and issubclass(made.module, BaseDistiller):
            require_images(made.module.real_images_needed(made.config["model"]["init_args"]), counts, self.data)
        evaluation = self.evaluations[0].config["model"]
        arguments, trainer = evaluation["init_args"], trainer_class(evaluation)
        inferred = not build(arguments["groups"]).needs_groups
        refuse_groups(trainer, self.identity["train_on"], self.data.num_classes if inferred else self.data.num_groups)
        refuse_mixing(regime_of(arguments), trainer, f"preset {arguments['preset']}")


def trainer_class(model: dict[str, Any]) -> type:
    """Return the class of an evaluator's learner."""
    return import_class(model["init_args"]["learner"]["class_path"])


def weighting_of(model: dict[str, Any]) -> Weighting:
    """Return a distiller's weighting; what it needs may depend on its arguments."""
    found = build(model["init_args"]["weighting"])
    if not isinstance(found, Weighting):
        raise ConfigError(f"{type(found).__name__} is no Weighting")
    return found
