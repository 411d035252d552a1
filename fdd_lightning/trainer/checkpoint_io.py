"""How checkpoints reach the disk."""

from __future__ import annotations

from typing import Any

from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH

from fdd_lightning.artefacts.checkpoint import write_checkpoint


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes local checkpoints beside their place and moves them there, with a hash.

    Lightning's own writes to the folder of temporary files and copies from there, if that is another disk: what is cut
    short in the copy is a checkpoint of no use, where a whole one was.

    Example:
        >>> from lightning import Trainer
        >>> trainer = Trainer(plugins=[WholeCheckpointIO()], logger=False)
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
        else:
            write_checkpoint(path, checkpoint)
