"""A stage's output folder: what was asked for, how far it got, whether it is finished."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import torch

from fdd_lightning.artefacts.checkpoint import read_checkpoint
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.configuration.trainer_settings import INDIFFERENT
from fdd_lightning.errors import ConfigError, FDDError, FileFormatError
from fdd_lightning.utils.files import PART, fingerprint, read_json, sha256_file, sha256_path, write_json
from fdd_lightning.utils.typed_json import misfits

RECORD = "stage.json"
EVOLUTION = "evolution"
"""The folder of small pictures of a synthetic set on its way, ``STEP.png``."""
CHECKPOINT = "last.ckpt"
PREVIOUS = "previous.ckpt"
WORK, READ = "fdd_work", "fdd_read"
"""Entries of a checkpoint: whose it is, see :attr:`StageRecord.work`, and what its stage read (data and inputs)."""

LOCATION = frozenset({"root", "download"})
"""Arguments of a data module that say where the images are, not which."""


def data_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration's data without what only says where they lie."""
    data = dict(config["data"] or {})
    return {**data, "init_args": {k: v for k, v in (data.get("init_args") or {}).items() if k not in LOCATION}}


def config_fingerprint(stage: str, config: Mapping[str, Any], state: str | None = None) -> str:
    """Return the fingerprint of all that decides a stage's result, but for its input files.

    Args:
        stage: ``fit``, ``distill`` or ``eval``.
        config: The stage's whole resolved configuration (sections ``model``, ``data``, ``trainer``).
        state: State of the data's source files, for sets that are not the same everywhere: a label put right in a
            user's table makes other work of the same command.
    """
    trainer = {k: v for k, v in config["trainer"].items() if k not in INDIFFERENT}
    trainer |= {"max_time": None} if "max_time" in trainer else {}  # more time is no other work
    module: Any = import_class(config["model"]["class_path"])
    arguments = config["model"].get("init_args") or {}
    decides = {k: v for k, v in arguments.items() if k not in module.indifferent and (k, v) not in module.later.items()}
    model = {**config["model"], "init_args": decides}
    decisive = {"stage": stage, "model": model, "data": data_of(config), "trainer": trainer}
    if (behind := module.behind(arguments)) is not None:
        decisive["behind"] = behind
    if own := _own_sources([config["model"], config["data"]]):
        decisive["own"] = own
    return fingerprint(decisive if state is None else {**decisive, "state": state})


def _own_sources(config: Any) -> dict[str, str]:
    """Return the hashes of the files of classes of the user's own, by their modules: an edited one is other work."""
    found: dict[str, str] = {}
    for value in config.values() if isinstance(config, Mapping) else config if isinstance(config, list) else ():
        found |= _own_sources(value)
    if isinstance(config, Mapping):
        paths = [config.get("class_path"), *(config.get("metrics") or () if "preset" in config else ())]
        for path in (str(path) for path in paths if path is not None):
            if path.partition(".")[0] in (*sys.stdlib_module_names, "fdd_lightning", "torch"):
                continue
            try:
                file = getattr(sys.modules[import_class(path).__module__], "__file__", None)
            except ConfigError:  # told where the class is needed
                continue
            if file and "site-packages" not in file:
                found[path.rpartition(".")[0]] = sha256_file(file)
    return found


@dataclass
class StageRecord:
    """What ``stage.json`` holds.

    Attributes:
        stage: ``fit``, ``distill`` or ``eval``.
        fingerprint: Of the configuration (see :func:`config_fingerprint`).
        inputs: SHA-256 of each input file or folder, by flag.
        finished: Whether the artefacts are there.
        artefacts: SHA-256 of each file or folder left behind, by name.
        seconds: Time spent training, over all restarts.
        steps: Optimiser steps taken.
        threads: Number of threads; with another number results may differ in the last bits.
        command: The command line behind ``fdd STAGE``; empty where an older release did not note it.

    Example:
        >>> StageRecord("distill", "4f1c").same_work(StageRecord("distill", "4f1c", seconds=12.5))
        True
    """

    stage: str
    fingerprint: str
    inputs: dict[str, str] = field(default_factory=dict)
    finished: bool = False
    artefacts: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    steps: int = 0
    threads: int = 0
    command: list[str] = field(default_factory=list)

    @property
    def work(self) -> str:
        """Hash of the configuration and the inputs: what a checkpoint must hold to be gone on from."""
        return fingerprint([self.stage, self.fingerprint, self.inputs])

    def same_work(self, other: StageRecord) -> bool:
        """Tell whether both records are of one configuration with one set of inputs."""
        return self.work == other.work


@dataclass
class Begun:
    """How far unfinished work got.

    Attributes:
        threads: The number of threads that it was begun with.
        checkpoint: What it can go on from.
        step: The step of that.
        unfit: What is said of checkpoints that it cannot go on from.

    Example:
        >>> Begun(threads=1).checkpoint is None
        True
    """

    threads: int
    checkpoint: Path | None = None
    step: int = 0
    unfit: list[str] = field(default_factory=list)


def _sound(path: Path) -> bool:
    """Tell whether a checkpoint can be read."""
    try:
        read_checkpoint(path)
    except FileFormatError:
        return False
    return True


class StageFolder:
    """One stage's output folder.

    Args:
        path: The folder; made when the stage begins.

    Example:
        >>> StageFolder("runs/x/distill").finished(StageRecord("distill", "4f1c"))
        False
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoint = self.path / CHECKPOINT
        self.previous = self.path / PREVIOUS

    def read(self) -> StageRecord | None:
        """Return the record, or None where no stage began here.

        Raises:
            FileFormatError: The record cannot be read.
        """
        file = self.path / RECORD
        if not file.is_file():
            return None
        try:
            record = StageRecord(**read_json(file))
            if any(misfits(record, StageRecord, RECORD)):
                raise TypeError
            return record
        except TypeError:
            raise FileFormatError(f"{file} is no record of a stage: choose another --output, or delete it") from None

    def known(self) -> str | None:
        """Return the fingerprint of the work that it holds; what cannot be read is told where it is needed."""
        try:
            found = self.read()
        except (OSError, FDDError):
            return None
        return None if found is None else found.fingerprint

    def finished(self, wanted: StageRecord) -> bool:
        """Tell whether just this work was finished here and its artefacts are what they were."""
        found = self.read()
        return bool(
            found
            and found.finished
            and found.same_work(wanted)
            and all((self.path / n).exists() and sha256_path(self.path / n) == h for n, h in found.artefacts.items())
        )

    def begun(self, wanted: StageRecord) -> Begun | None:
        """Return how far just this work got here before, if it is unfinished; changes nothing."""
        found = self.read()
        if found is None or found.finished or not found.same_work(wanted):
            return None
        begun = Begun(found.threads)
        for path in self.checkpoints():
            try:
                content = read_checkpoint(path)
            except FileFormatError:
                begun.unfit.append(f"{path} is damaged")
                continue
            if content.get(WORK) == wanted.work:
                begun.checkpoint, begun.step = path, content["global_step"]
                break
            begun.unfit.append(f"{path} is another command's")
        return begun

    def begin(self, wanted: StageRecord) -> list[str]:
        """Note that the work begins, or goes on, and return what is to be said of that.

        A checkpoint of other work that was not finished is set aside; artefacts stay until the new ones are there.
        """
        found, begun = self.read(), self.begun(wanted)
        own = begun.checkpoint if begun is not None else None
        told: list[str] = []
        for path in self.checkpoints():
            if path == own:
                break  # with what is older than it
            if told or (found is not None and found.finished) or not _sound(path):
                path.unlink()
            else:
                told.append(f"{self.path} held other work, unfinished: its checkpoint is now {self._set_aside(path)}")
        if found is not None and found.finished and not found.same_work(wanted):
            told.append(f"{self.path} held other work, finished ({found.stage}): this replaces it")
        wanted.threads = begun.threads if begun is not None and own is not None else torch.get_num_threads()
        write_json(self.path / RECORD, asdict(wanted))
        return told

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints that there are, the newest first."""
        return [path for path in (self.checkpoint, self.previous) if path.is_file()]

    def _set_aside(self, checkpoint: Path) -> Path:
        """Give a checkpoint another name, and return it."""
        names = (self.path / f"other-{number}.ckpt" for number in count(1))
        return checkpoint.rename(next(path for path in names if not path.exists()))

    def keep_checkpoint(self) -> None:
        """Let the newest checkpoint be the previous one too, before it is replaced: one is there at any time."""
        if not self.checkpoint.is_file():
            return
        link = self.path / f"{PART}{PREVIOUS}"
        link.unlink(missing_ok=True)
        try:
            os.link(self.checkpoint, link)
        except OSError:  # a file system without links
            self.checkpoint.replace(self.previous)
        else:
            link.replace(self.previous)

    def finish(
        self, record: StageRecord, artefacts: list[Path], seconds: float, steps: int, *, keep: bool = True
    ) -> None:
        """Note that the work is done; of its checkpoints at most the last one is kept."""
        record.artefacts = {file.name: sha256_path(file) for file in artefacts}
        record.finished, record.seconds, record.steps = True, seconds, steps
        write_json(self.path / RECORD, asdict(record))
        for path in self.checkpoints():
            if path == self.previous or not keep:
                path.unlink()
