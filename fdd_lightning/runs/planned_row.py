"""One row to come: its identity, the stages that lead to it, and what its data must have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.configuration.choices import build, import_class
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.matching.weightings import Weighting
from fdd_lightning.runs.stage import Stage
from fdd_lightning.training import refuse_mixing, regime_of


@dataclass
class PlannedRow:
    """One row to come.

    Attributes:
        identity: The row's identity keys.
        evaluations: Its evaluation of each distilled set, in the order of the seeds.
        data: The data module, not set up.
    """

    identity: dict[str, Any]
    evaluations: list[Stage]
    data: BaseDataModule

    def stages(self) -> list[Stage]:
        """Return all stages of the row, inputs first."""
        found: list[Stage] = []

        def visit(stage: Stage) -> None:
            for before in stage.inputs.values():
                visit(before)
            if stage not in found:
                found.append(stage)

        for evaluation in self.evaluations:
            visit(evaluation)
        return found

    def check_data(self) -> None:
        """Refuse data that are missing or do not suffice, before the first of many stages runs.

        Raises:
            DatasetNotFoundError: They are missing.
            ConfigError: The row's weighting or trainer needs groups, and the data have none, or the trainer does not
                go with the evaluation's preset.
        """
        if self.data.missing is not None:
            raise DatasetNotFoundError(self.data.missing)
        made = self.evaluations[0].inputs.get("synthetic")
        if made is not None and self.data.num_groups < 2 and weighting_of(made.config["model"]).needs_groups:
            raise ConfigError(
                f"weighting {self.identity['weighting']} needs groups, and data set {self.data.name} has none: name a "
                "column of groups, or leave the weighting out (vanilla and kde need none)"
            )
        evaluation = self.evaluations[0].config["model"]
        arguments, trainer = evaluation["init_args"], trainer_class(evaluation)
        refuse_groups(trainer, self.identity["train_on"], self.data.num_groups)
        refuse_mixing(regime_of(arguments), trainer, f"preset {arguments['preset']}")


def trainer_class(model: dict[str, Any]) -> type:
    """Return the class of an evaluator's learner."""
    return import_class(model["init_args"]["learner"]["class_path"])


def weighting_name(model: dict[str, Any]) -> str:
    """Return the name that a distiller's weighting has in rows."""
    return weighting_of(model).name


def weighting_of(model: dict[str, Any]) -> Weighting:
    """Return a distiller's weighting; what it needs may depend on its arguments."""
    found = build(model["init_args"]["weighting"])
    if not isinstance(found, Weighting):
        raise ConfigError(f"{type(found).__name__} is no Weighting")
    return found
