"""One stage of a run: its command line, its configuration, its folder, and how far it has got."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from fdd_lightning.artefacts.stage_folder import StageFolder, StageRecord, config_fingerprint
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.configuration.row_settings import below
from fdd_lightning.configuration.settled import settled_as_before, settled_by_data
from fdd_lightning.configuration.trainer_settings import decisive
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datamodules.named import source_state
from fdd_lightning.errors import ConfigError
from fdd_lightning.modules.base import StageModule
from fdd_lightning.stages.buildable import known_facts, require_buildable, require_devices
from fdd_lightning.stages.parser import STAGES, resolve
from fdd_lightning.utils.files import sha256_path


def options(prefix: str, leaves: dict[str, Any]) -> list[str]:
    """Return the options of a stage's leaves as JSON: ``trainer.*`` as they are, all others below ``prefix``."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in leaves.items()}
    return [f"--{key if key.startswith('trainer.') else f'{prefix}.{key}'}={text}" for key, text in texts.items()]


PER_SET = "per_set"
"""Seed of a fit that is trained once for each distillation seed, with that seed."""

COUNTED = re.compile(r"--model\.(images_per_class|seed)=(\d+)")
"""Options in which the rows of a grid differ; the others are parsed once for all of them."""


@cache
def _resolved(kind: str, args: tuple[str, ...]) -> str:
    return json.dumps(resolve(kind, list(args)))


def configuration(kind: str, args: Sequence[str], data: Sequence[str]) -> dict[str, Any]:
    """Return the resolved configuration of a stage's arguments; parsing is what refuses misspelt leaves.

    Parsing takes half a second: those of the data and the others are parsed apart, not every pair of them.
    """
    config: dict[str, Any] = json.loads(_resolved(kind, tuple(a for a in args if not COUNTED.fullmatch(a))))
    config["data"] = json.loads(_resolved(kind, tuple(data)))["data"]
    for found in filter(None, map(COUNTED.fullmatch, args)):
        config["model"]["init_args"][found[1]] = int(found[2])
    return config


@dataclass
class Stage:
    """One call of ``fdd fit``, ``distill`` or ``eval``.

    Attributes:
        kind: ``fit``, ``distill`` or ``eval``.
        title: What it is, for people.
        folder: Its output folder.
        args: Its command-line arguments, without those of the data and the input files.
        data: The arguments of the data.
        inputs: The stages whose artefacts it reads, by flag.
        section: Where a recipe has its leaves, if not below its kind.
        per_set: Whether its seed is the distillation seed, so that every set has one of its own.
        states: States of source files that were looked up, by the data's spec; one for all stages of a plan.

    Example:
        >>> stage = Stage("distill", "dm", StageFolder("runs/x"), ["--model=dm"], ["--data=cmnist"])
        >>> stage.command
        ['--data=cmnist', '--model=dm', '--output=runs/x']
    """

    kind: str
    title: str
    folder: StageFolder
    args: list[str]
    data: list[str]
    inputs: dict[str, Stage] = field(default_factory=dict)
    section: str = ""
    per_set: bool = False
    states: dict[str, str | None] = field(default_factory=dict)

    @property
    def artefact(self) -> Path:
        """The file or folder that later stages read."""
        return self.folder.path / self.module.artefact

    @property
    def module(self) -> type[StageModule]:
        """The class that does the work."""
        found: type[StageModule] = import_class(self.config["model"]["class_path"])
        return found

    def with_inputs(self) -> Iterator[Stage]:
        """Yield the stages that lead to this one, inputs first, and itself; one may come several times."""
        for before in self.inputs.values():
            yield from before.with_inputs()
        yield self

    def inherited_settings(self) -> dict[str, Any]:
        """Return the settings of all that leads to this stage's inputs, as they stand in rows."""
        found: dict[str, Any] = {}
        for stage in self.inputs.values():
            fit: Any = stage.module
            own = fit.row_settings(stage.config["model"]) | below(fit.kind, decisive(stage.config["trainer"]))
            own |= {f"{fit.kind}.seed": PER_SET} if stage.per_set else {}
            found |= stage.inherited_settings() | own
        return found

    @property
    def command(self) -> list[str]:
        """The whole command line behind ``fdd``'s subcommand."""
        flags = [f"--{flag}={stage.artefact}" for flag, stage in self.inputs.items()]
        return [*self.data, *self.args, *flags, f"--output={self.folder.path}"]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration.

        Raises:
            ConfigError: A leaf of the recipe does not fit the stage.
        """
        with self._worded():
            asked = configuration(self.kind, self.args, self.data)
            settled = settled_by_data(asked)
        return dict(settled_as_before(asked, settled, self.folder.known(), self._fingerprint))

    def _fingerprint(self, config: Mapping[str, Any]) -> str:
        key = json.dumps(config["data"], sort_keys=True)
        if key not in self.states:
            self.states[key] = source_state(config["data"])
        return config_fingerprint(self.kind, config, self.states[key])

    @contextmanager
    def _worded(self) -> Iterator[None]:
        """Say what is refused inside the block by the keys of a recipe."""
        try:
            yield
        except ConfigError as error:
            told = str(error).replace("--model.", f"{self.section or self.kind}.").replace("--data.", "data.")
            raise ConfigError(f"{self.kind} {self.title}: {told}") from error

    def facts(self, data: BaseDataModule) -> dict[str, Any] | None:
        """Return what the model takes from the data; None where that cannot be known."""
        return known_facts(data, STAGES[self.kind][2])

    def require_buildable(self, data: BaseDataModule) -> None:
        """Refuse what could only fail when it is the stage's turn: nothing is run, and nothing takes memory.

        Args:
            data: The data module, not set up.

        Raises:
            ConfigError: The model, a network or the hardware of the stage cannot be had.
        """
        with self._worded():
            require_devices(self.config["trainer"])
            require_buildable(self.config["model"], data, STAGES[self.kind][2])

    @property
    def fingerprint(self) -> str:
        """Fingerprint of all that decides the stage's result, but for its inputs."""
        return self._fingerprint(self.config)

    def finished(self) -> bool:
        """Tell whether this work and all that leads to it is done."""
        if not all(stage.finished() for stage in self.inputs.values()):
            return False
        hashes = {flag: sha256_path(stage.artefact) for flag, stage in self.inputs.items()}
        return self.folder.finished(StageRecord(self.kind, self.fingerprint, hashes))

    def begun(self) -> bool:
        """Tell whether this work was begun in the folder, and left a checkpoint."""
        found = self.folder.read()
        return bool(
            found and not found.finished and found.fingerprint == self.fingerprint and self.folder.checkpoints()
        )
