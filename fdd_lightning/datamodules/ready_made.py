"""Sets that are generated, or else read from folders in which their authors hand them out."""

from __future__ import annotations

from abc import ABC
from pathlib import Path
from typing import Any

from fdd_lightning.datamodules.original import FromOriginal
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.dfa_folders import WEBSITE, dfa_files, dfa_state, padded, require_dfa
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.plain_text import on_disk


class ReadyMade(FromOriginal, ABC):
    """Base of sets that are built from a published set, or read from DFA's folders.

    Args:
        conflict_ratio: Nominal share of bias-conflicting training images; null for the unbiased twin. With ``folder``,
            which ``pct`` folder.
        folder: Folder of ready-made images, relative to the current one; it holds ``test`` and, for training,
            ``{0.5pct,1pct,2pct,5pct}/{align,conflict}/CLASS/*_CLASS_GROUP.png``, with numbers 0 to 9; null generates
            the set.

    Raises:
        ConfigError: Of ``folder`` the unbiased twin is wanted, which nobody hands out.

    Example:
        >>> from fdd_lightning.datamodules import CMNIST
        >>> CMNIST(conflict_ratio=0.01, folder="ColoredMNIST").reads_root
        False
    """

    locations = ("folder",)

    def __init__(self, *, conflict_ratio: float | None = 0.05, folder: str | None = None, **kwargs: Any) -> None:
        super().__init__(conflict_ratio=conflict_ratio, **kwargs)
        self.folder = folder
        self.reads_root = folder is None
        if folder is not None and conflict_ratio is None:
            raise ConfigError(
                f"{self.name}: there are no ready-made folders of the unbiased twin: leave out `folder` to generate it"
            )

    @property
    def own_paths(self) -> list[Path]:
        """The folder of ready-made images."""
        return [] if self.folder is None else [on_disk(Path(self.folder).expanduser())]

    @property
    def _wanted(self) -> tuple[Path, float] | None:
        """The folder of ready-made images and the share wanted; None if the set is generated."""
        if self.folder is None or self.conflict_ratio is None:
            return None
        return on_disk(Path(self.folder).expanduser()), self.conflict_ratio

    def check_source(self) -> None:
        """Check that the source files, or the ready-made folders, are there."""
        if self._wanted is None:
            super().check_source()
        else:
            way_out = f"let `folder` name the unpacked set (linked at {WEBSITE}), or leave it out to generate the set"
            require_dfa(self.name, *self._wanted, way_out)

    def source_state(self) -> str | None:
        """Return the state of the source files, or a hash of the ready-made images' names and contents."""
        if self._wanted is None:
            return super().source_state()
        self.check_source()
        return dfa_state(*self._wanted)

    def build(self) -> dict[str, Split]:
        """Build both splits, or read them from the ready-made folders, smaller images padded."""
        if self._wanted is None:
            return super().build()
        splits = dfa_files(self.name, *self._wanted, self.class_names, self.group_names)
        pad, tested = padded(self.image_shape[1]), splits["test"]
        return {"train": splits["train"].split(pad, beside=tested.files), "test": tested.split(pad)}
