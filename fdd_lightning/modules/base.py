"""What every stage's module shares: how long it runs, how it is remembered, what it leaves behind."""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from lightning import LightningModule

from fdd_lightning.configuration.choices import Spec, class_path, spec_of
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError


class StageModule(LightningModule, ABC):
    """Base of the modules of ``fdd fit``, ``distill`` and ``eval``.

    A subclass calls :meth:`remember` first thing in its ``__init__``, draws every random number from
    ``rng.generator(self.seed, ...)`` and ``self.global_step``, and says how many optimiser steps it takes. The trainer
    stops there unless it was given a ``max_steps`` of its own.
    """

    artefact: str
    """Name of the file that the stage leaves in its output folder."""

    draws_own_batches: bool = False
    """True where the module asks the data for images by index; the loader then only counts steps."""

    folder: Path | None = None
    """The output folder, where there is one: a module may write parts of a large artefact as they come."""

    seed: int

    seconds_of_setup: float = 0.0
    """What set-up took, where it does the stage's own work (selecting images, say); added to the training's time."""

    def remember(self) -> None:
        """Keep the constructor's arguments as class-path specs, as the command line stores them.

        Live objects in a checkpoint would keep it from being loaded.
        """
        frame = inspect.currentframe()
        self.save_hyperparameters(frame=frame.f_back if frame else None, logger=False)
        for key, value in list(self.hparams.items()):
            self.hparams[key] = spec_of(value)
        # Tells load_from_checkpoint to build nested choices from their specs.
        self.hparams.setdefault("_instantiator", "lightning.pytorch.cli.instantiate_module")
        self.hparams.setdefault("_class_path", class_path(type(self)))
        self._hparams_initial = copy.deepcopy(self._hparams)

    @classmethod
    def for_data(cls, data: BaseDataModule, **arguments: Any) -> Self:
        """Build the module for a data set, from which the facts that it needs are taken.

        Args:
            data: The data module; it need not be set up.
            **arguments: The constructor's other arguments.
        """
        wanted = inspect.signature(cls).parameters
        facts = {k: getattr(data, k) for k in ("num_classes", "num_groups", "image_shape") if k in wanted}
        return cls(**{**facts, **arguments})

    @classmethod
    def needs(cls, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the inputs without which the stage cannot run, by flag (``encoder``, ``experts``).

        Args:
            arguments: The constructor's arguments, choices among them as specs; defaults may be left out.

        Raises:
            ConfigError: The arguments cannot go together; the line names the alternative.
        """
        return ()

    def take(self, flag: str, path: Path) -> None:
        """Take an input file or folder, by its flag; read in :meth:`check` or :meth:`setup`."""
        setattr(self, flag, path)

    def check(self) -> None:
        """Refuse inputs and combinations that cannot mean anything, before any data is touched.

        Raises:
            FDDError: With the reason and the alternative.
        """

    @classmethod
    def row_settings(cls, model: Spec) -> dict[str, Any]:
        """Return how a stage that serves ``distill`` differs from its preset: leaves that stand in the rows.

        Args:
            model: The spec of the module.
        """
        return {}

    @property
    @abstractmethod
    def num_steps(self) -> int:
        """Optimiser steps of the whole stage; known once :meth:`setup` ran."""

    @abstractmethod
    def save_artefact(self, folder: Path) -> Path:
        """Write the stage's result into a folder and return the file."""

    def remark(self) -> str:
        """Return what is worth saying of the result on one line, or nothing."""
        return ""

    @property
    def data(self) -> BaseDataModule:
        """The data module that the trainer was given.

        Raises:
            ConfigError: There is none, or it is not one of this package.
        """
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, BaseDataModule):
            raise ConfigError(f"{type(self).__name__} needs a data module: pass datamodule=... to the trainer")
        return data

    def setup(self, stage: str) -> None:
        """Let the trainer stop after :attr:`num_steps` unless it was told otherwise; subclasses call this last."""
        if stage == "fit" and self.trainer.max_steps == -1:
            self.trainer.fit_loop.epoch_loop.max_steps = self.num_steps


class FitModule(StageModule, ABC):
    """Base of the modules of ``fdd fit``: what learns on the real data and serves a later stage."""

    def title(self) -> str:
        """Return what the progress bar calls it."""
        return type(self).__name__.lower()
