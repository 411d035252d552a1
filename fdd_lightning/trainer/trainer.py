"""The trainer: Lightning's, with the stages ``distill`` and ``eval`` beside ``fit``."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning import Trainer
from lightning.pytorch.callbacks import ProgressBar

from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.configuration.trainer_settings import decisive, refuse_nothing_to_do
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError
from fdd_lightning.modules.base import StageModule
from fdd_lightning.modules.base_distiller import BaseDistiller
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.trainer.callbacks import FiniteCheck, StageProgress
from fdd_lightning.trainer.checkpoint_io import WholeCheckpointIO

TALKATIVE = ("lightning", "lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
"""Loggers that tell of hardware, and give hints, at the level INFO."""


@contextmanager
def hushed() -> Iterator[None]:
    """Leave out what Lightning says of hardware and hints, inside the block only; errors are raised as ever."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class FDDTrainer(Trainer):
    """Lightning's Trainer with two more stages; every argument is the Trainer's own.

    Three defaults are for stages, which know how many steps they take: no limit of epochs (Lightning's own of 1000
    would cut a long training on a small set short), one progress bar for all steps, and no summary of the model.

    Args:
        limit_train_batches: How much of the training set an epoch takes: a number of batches, or a share (1.0: all).
        limit_val_batches: How much of the validation set is looked at, likewise.
        limit_test_batches: How much of the test set is looked at, likewise.
        limit_predict_batches: How much there is predicted of, likewise.
        overfit_batches: How much of the training set is taken again and again, likewise (0.0: off).
        **kwargs: Lightning's others.

    Attributes:
        settings: Those of its arguments that decide a result and are not plain, by option (``trainer.max_steps``).

    Example:
        >>> FDDTrainer(logger=False).max_epochs
        -1
    """

    def __init__(
        self,
        *,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        **kwargs: Any,
    ) -> None:
        # Named here, as 1 (a batch) and 1.0 (all) must not be mixed up: which of the types Lightning's own annotations
        # try first depends on what else was imported.
        kwargs |= {
            "limit_train_batches": limit_train_batches,
            "limit_val_batches": limit_val_batches,
            "limit_test_batches": limit_test_batches,
            "limit_predict_batches": limit_predict_batches,
            "overfit_batches": overfit_batches,
        }
        kwargs.setdefault("max_epochs", -1)
        kwargs.setdefault("enable_model_summary", False)
        given = kwargs.get("callbacks") or []
        given = list(given) if isinstance(given, list | tuple) else [given]
        if kwargs.get("enable_progress_bar") is not False and not any(isinstance(c, ProgressBar) for c in given):
            given.append(StageProgress())
        kwargs["callbacks"] = [*given, FiniteCheck()]
        refuse_nothing_to_do(kwargs)
        if str(kwargs.get("strategy")).endswith(("_spawn", "_fork", "_notebook")):
            raise ConfigError(f"--trainer.strategy {kwargs['strategy']} cannot run stages: take ddp")
        self.settings = decisive(kwargs)
        with hushed():
            super().__init__(**kwargs)
        if self.strategy._checkpoint_io is None:  # the user chose none
            self.strategy.checkpoint_io = WholeCheckpointIO()
        if str(kwargs.get("precision")) in ("16", "16-mixed") and self.precision != "16-mixed":
            raise ConfigError(f"--trainer.precision 16-mixed needs a GPU: take {self.precision}, which it would become")

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint, as Lightning does, of a stage that is sound.

        Raises:
            NotFiniteError: What was learned is not finite: there is nothing to go on from.
        """
        if isinstance(self.lightning_module, StageModule):
            self.lightning_module.require_finite()
        super().save_checkpoint(*args, **kwargs)

    def distill(
        self, model: BaseDistiller, datamodule: BaseDataModule | None = None, ckpt_path: str | None = None
    ) -> SyntheticSet:
        """Distil a data set into a few synthetic images per class.

        Args:
            model: The distiller.
            datamodule: The real data.
            ckpt_path: Checkpoint of this very run to go on from; its settings win over those given here.

        Returns:
            The synthetic set.
        """
        with hushed():
            self.fit(model, datamodule=datamodule, ckpt_path=ckpt_path)
        return model.synthetic_set()

    def eval(
        self, model: Evaluator, datamodule: BaseDataModule | None = None, ckpt_path: str | None = None
    ) -> dict[str, Any] | None:
        """Train fresh networks on a set and score them on the real test set.

        Args:
            model: The evaluator; its ``synthetic`` is the set, None the real training set.
            datamodule: The real data.
            ckpt_path: Checkpoint of this very run to go on from; its settings win over those given here.

        Returns:
            The row of the results: ``row["metrics"]["accuracy"]["mean"]`` and so on, as fractions.
        """
        with hushed():
            self.fit(model, datamodule=datamodule, ckpt_path=ckpt_path)
            self.test(model, datamodule=datamodule, verbose=False)
        return model.row
