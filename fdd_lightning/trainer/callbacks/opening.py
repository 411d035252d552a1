"""The output folder is taken over once nothing can refuse the stage any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lightning import Callback, LightningModule, Trainer

from fdd_lightning.artefacts.stage_folder import StageFolder, StageRecord


class Opening(Callback):
    """Notes on the first process that a stage begins and writes its ``config.yaml``.

    By then data and settings were checked, so a command that is refused leaves an earlier run's checkpoint as it was.

    Args:
        folder: The output folder.
        record: What is asked for.
        write_config: Writes the configuration to a path.
    """

    def __init__(self, folder: StageFolder, record: StageRecord, write_config: Callable[[Path], None]) -> None:
        self.folder = folder
        self.record = record
        self.write_config = write_config

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin."""
        if trainer.is_global_zero:
            self.folder.begin(self.record)
            self.write_config(self.folder.path / "config.yaml")
