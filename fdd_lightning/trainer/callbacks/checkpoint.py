"""The checkpoint that a stage goes on from after a kill."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint


class ClockCheckpoint(Checkpoint):
    """Overwrites one checkpoint in place, by the clock: what is computed does not depend on when.

    Lightning's ModelCheckpoint does not look at the clock where a module optimises by hand (2.6), as ours do.

    Args:
        path: The file.
        every: How much work a kill may cost.
    """

    def __init__(self, path: Path, every: timedelta) -> None:
        self.path = path
        self.every = every

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.saved = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is time; all processes, when the first one says so."""
        if trainer.strategy.broadcast(time.monotonic() - self.saved >= self.every.total_seconds()):
            trainer.save_checkpoint(self.path)
            self.saved = time.monotonic()
