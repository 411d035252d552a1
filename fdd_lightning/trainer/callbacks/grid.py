"""The synthetic images as they evolve, in TensorBoard."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from fdd_lightning.modules.distiller import BaseDistiller


class ImageGrid(Callback):
    """Draws the synthetic set every few steps, on the first process and for TensorBoard only.

    Args:
        every: Steps between two pictures; None: a twentieth of the run.
    """

    def __init__(self, every: int | None = None) -> None:
        self.every = every

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw where it is time."""
        step = trainer.global_step
        every = self.every or max(1, trainer.max_steps // 20)
        if step % every == 0 or step == 1:
            self.draw(trainer, pl_module)

    def draw(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Send the grid to TensorBoard."""
        if not (trainer.is_global_zero and isinstance(pl_module, BaseDistiller)):
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                grid = np.asarray(pl_module.synthetic_set().grid())
                logger.experiment.add_image("synthetic", grid, trainer.global_step, dataformats="HWC")
