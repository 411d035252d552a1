"""The trainer: Lightning's, with the stages ``distill`` and ``eval`` beside ``fit``."""

from __future__ import annotations

from lightning import Trainer

from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.modules.distiller import BaseDistiller
from fdd_lightning.modules.evaluator import Evaluator


class FDDTrainer(Trainer):
    """Lightning's Trainer with two more stages; every argument is the Trainer's own."""

    def distill(
        self, model: BaseDistiller, datamodule: BaseDataModule | None = None, ckpt_path: str | None = None
    ) -> None:
        """Distil a data set into a few synthetic images per class.

        Args:
            model: The distiller.
            datamodule: The real data.
            ckpt_path: Checkpoint of this very run to go on from; its settings win over those given here.
        """
        self.fit(model, datamodule=datamodule, ckpt_path=ckpt_path)

    def eval(self, model: Evaluator, datamodule: BaseDataModule | None = None, ckpt_path: str | None = None) -> None:
        """Train fresh networks on a set and score them on the real test set.

        Args:
            model: The evaluator.
            datamodule: The real data.
            ckpt_path: Checkpoint of this very run to go on from; its settings win over those given here.
        """
        self.fit(model, datamodule=datamodule, ckpt_path=ckpt_path)
        self.test(model, datamodule=datamodule, verbose=False)
