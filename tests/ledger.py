"""A callback given by class path, as a user would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer


class Ledger(Callback):
    """Writes each process's losses and its parameters at the end.

    Args:
        folder: Where to; one file a process.
        loss: Name under which the loss is logged.
    """

    def __init__(self, folder: str, loss: str) -> None:
        self.folder = Path(folder)
        self.loss = loss
        self.losses: list[float] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the loss."""
        self.losses.append(float(trainer.callback_metrics[self.loss]))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.cpu() for k, v in pl_module.state_dict().items()}
        torch.save({"losses": self.losses, "state": state}, self.folder / f"{trainer.global_rank}.pt")
