"""The plan of a run: which stages lead to which rows, and how far each has got."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from fdd_lightning.choices import import_class
from fdd_lightning.cli import resolve
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.io import fingerprint, sha256_file
from fdd_lightning.matching.weightings import Weighting
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.provenance import settings_of_data
from fdd_lightning.paths import find_config
from fdd_lightning.report.results import identity_key
from fdd_lightning.runs.recipe import FULL, Entry, Recipe, is_file_name, method_file
from fdd_lightning.settings import distill_settings, encoder_settings
from fdd_lightning.stages.folder import StageFolder, StageRecord, config_fingerprint
from fdd_lightning.stages.lookup import build_data, source_state

DEFAULT_ENCODER = "supcon"


def option(prefix: str, key: str, value: Any) -> str:
    """Return one command-line option; values are written as JSON, which is YAML too."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"--{key}={text}" if key.startswith("trainer.") else f"--{prefix}.{key}={text}"


def options(prefix: str, leaves: dict[str, Any]) -> list[str]:
    """Return the options of a stage's leaves: ``trainer.*`` as they are, all others below ``prefix``."""
    return [option(prefix, key, value) for key, value in leaves.items()]


COUNTED = re.compile(r"--model\.(images_per_class|seed)=(\d+)")
"""Options in which the cells of a grid differ; the others are parsed once for all of them."""

ELSEWHERE = {
    "distill": {"images_per_class": "ipcs", "seed": "distill_seeds", "weighting": "weightings"},
    "eval": {"seed": "distill_seeds", "network": "eval.networks", "learner": "eval.trainers"},
}
"""Leaves that a recipe says by keys of its own."""


@cache
def _resolved(kind: str, args: tuple[str, ...]) -> str:
    return json.dumps(resolve(kind, list(args)))


def configuration(kind: str, args: Sequence[str]) -> dict[str, Any]:
    """Return the resolved configuration of a stage's arguments; parsing is what refuses misspelt leaves."""
    config: dict[str, Any] = json.loads(_resolved(kind, tuple(a for a in args if not COUNTED.fullmatch(a))))
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
        args: Its command-line arguments, without the input files.
        inputs: The stages whose artefacts it reads, by flag.
        states: States of source files that were looked up, by the data's spec; one for all stages of a plan.
    """

    kind: str
    title: str
    folder: StageFolder
    args: list[str]
    inputs: dict[str, Stage] = field(default_factory=dict)
    states: dict[str, str | None] = field(default_factory=dict)

    @property
    def artefact(self) -> Path:
        """The file that later stages read."""
        return self.folder.path / {"fit": "encoder.safetensors", "distill": "synthetic.safetensors"}[self.kind]

    @property
    def command(self) -> list[str]:
        """The whole command line behind ``fdd``'s subcommand."""
        flags = [f"--{flag}={stage.artefact}" for flag, stage in self.inputs.items()]
        return [*self.args, *flags, f"--output={self.folder.path}"]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration.

        Raises:
            ConfigError: A leaf of the recipe does not fit the stage.
        """
        try:
            return configuration(self.kind, self.args)
        except ConfigError as error:
            told = str(error).replace("--model.", f"{self.kind}.").replace("--data.", "data.")
            raise ConfigError(f"{self.kind} {self.title}: {told}") from error

    @property
    def fingerprint(self) -> str:
        """Fingerprint of all that decides the stage's result, but for its inputs."""
        key = json.dumps(self.config["data"], sort_keys=True)
        if key not in self.states:
            self.states[key] = source_state(self.config["data"])
        return config_fingerprint(self.kind, self.config, self.states[key])

    def finished(self) -> bool:
        """Tell whether this work and all that leads to it is done."""
        if not all(stage.finished() for stage in self.inputs.values()):
            return False
        hashes = {flag: sha256_file(stage.artefact) for flag, stage in self.inputs.items()}
        return self.folder.finished(StageRecord(self.kind, self.fingerprint, hashes))

    def begun(self) -> bool:
        """Tell whether a checkpoint of this work lies in the folder."""
        found = self.folder.read()
        return bool(
            found and not found.finished and found.fingerprint == self.fingerprint and self.folder.checkpoint.is_file()
        )


@dataclass
class Cell:
    """One row to come.

    Attributes:
        identity: The row's identity keys.
        evaluations: Its evaluation of each distilled set, in the order of the seeds.
        data: The data module, not set up.
    """

    identity: dict[str, Any]
    evaluations: list[Stage]
    data: BaseDataModule

    def stages(self) -> list[Stage]:
        """Return all stages of the row, inputs first."""
        found: list[Stage] = []

        def visit(stage: Stage) -> None:
            for before in stage.inputs.values():
                visit(before)
            if stage not in found:
                found.append(stage)

        for evaluation in self.evaluations:
            visit(evaluation)
        return found

    def check_data(self) -> None:
        """Refuse data that are missing or do not suffice, before the first of many stages runs.

        Raises:
            DatasetNotFoundError: They are missing.
            ConfigError: The row's weighting needs groups, and the data have none.
        """
        if self.data.missing is not None:
            raise DatasetNotFoundError(self.data.missing)
        made = self.evaluations[0].inputs.get("synthetic")
        if made is not None and self.data.num_groups < 2 and weighting_class(made.config["model"]).needs_groups:
            raise ConfigError(
                f"weighting {self.identity['weighting']} needs groups, and data set {self.data.name} has none: name a "
                "column of groups, or leave the weighting out (vanilla and kde need none)"
            )


class Plan:
    """All cells of a recipe, in its order.

    Args:
        recipe: The recipe.
        root: The run's folder.

    Raises:
        ConfigError: A leaf of the recipe does not fit its stage or no stage at all, or two rows would be one.
    """

    def __init__(self, recipe: Recipe, root: Path) -> None:
        self.recipe = recipe
        self.root = root
        self._known: dict[str, Stage] = {}
        self._states: dict[str, str | None] = {}
        self._modules: dict[str, BaseDataModule] = {}
        self._taken: set[str] = set()
        self.cells = list(self._cells())
        self._check()

    def _check(self) -> None:
        """Refuse leaves that nobody read, and rows that nothing tells apart."""
        for key in self.recipe.distill:
            if key not in self._taken:
                raise ConfigError(f"recipe {self.recipe.name}: distill.{key}: no method of the recipe takes it")
        for entry in self.recipe.data if self.recipe.fit else ():
            _ = self._fit(entry).config  # misspelt leaves are refused also where no weighting needs an encoder
        seen: dict[str, Cell] = {}
        for cell in self.cells:
            other = seen.setdefault(identity_key(cell.identity), cell)
            if other is not cell:
                titles = " and ".join(dict.fromkeys(c.evaluations[0].title for c in (other, cell)))
                raise ConfigError(f"recipe {self.recipe.name}: two rows are the same ({titles}): leave one out")

    def stages(self) -> list[Stage]:
        """Return every stage once, in an order in which they can run."""
        found: dict[Path, Stage] = {}
        for cell in self.cells:
            for stage in cell.stages():
                found.setdefault(stage.folder.path, stage)
        return list(found.values())

    def _cells(self) -> Iterator[Cell]:
        recipe = self.recipe
        for data in recipe.data:
            for method in recipe.methods:
                whole = method.name == FULL
                for weighting in [Entry("vanilla")] if whole else plain_first(method.weightings or recipe.weightings):
                    for ipc in (None,) if whole else method.ipcs or recipe.ipcs:
                        for network in recipe.networks:
                            for trainer in recipe.trainers:
                                yield self._cell(data, method, weighting, ipc, network, trainer)

    def _cell(
        self, data: Entry, method: Entry, weighting: Entry, ipc: int | None, network: Entry, trainer: Entry
    ) -> Cell:
        seeds = (0,) if ipc is None else self.recipe.distill_seeds
        evaluations = [self._eval(data, method, weighting, ipc, network, trainer, seed) for seed in seeds]
        first = evaluations[0]
        module = self._module(first.config["data"])
        made = first.inputs.get("synthetic")
        settings = settings_of_data(module)
        if made is not None:
            encoder = made.inputs.get("encoder")
            if encoder is not None:
                settings |= encoder_settings(encoder.config["model"])
            model = made.config["model"]
            settings |= distill_settings(model, model["init_args"]["method"], weighting_name(model))
        identity = {
            "dataset": module.name,
            "method": made.config["model"]["init_args"]["method"] if made else FULL,
            "weighting": weighting_name(made.config["model"]) if made else "vanilla",
            "ipc": ipc,
            "conflict_ratio": module.conflict_ratio,
            "settings": settings,
            "distill_seeds": list(seeds) if made else [],
            **Evaluator.identity_of(first.config["model"], "synthetic" if made else "real"),
        }
        return Cell(identity, evaluations, module)

    def _module(self, spec: dict[str, Any]) -> BaseDataModule:
        """Return the data module of a spec; rows share it, and so what it has looked up."""
        return self._modules.setdefault(json.dumps(spec, sort_keys=True), build_data(spec))

    def _name(self, data: Entry) -> str:
        """Return a data set's name for folders and titles, with what tells it from the recipe's others of that name."""
        alike = [entry.leaves for entry in self.recipe.data if entry.name == data.name]
        told = {k: v for k, v in data.leaves.items() if any(k not in leaves or leaves[k] != v for leaves in alike)}
        return slug(Entry(data.name, told))

    def _data_args(self, data: Entry) -> list[str]:
        if "." in data.name:
            return [f"--data={data.name}", *options("data", data.leaves)]
        return ["--config", str(find_config(f"data/{data.name}")), *options("data", data.leaves)]

    def _stage(
        self, kind: str, name: str, title: str, args: list[str], inputs: dict[str, Stage] | None = None
    ) -> Stage:
        """Return the stage of this folder; stages that several rows share are one object."""
        if not any(a.startswith("--trainer.devices=") for a in args):
            args = [*args, "--trainer.devices=1"]
        path = self.root / kind / name
        stage = Stage(kind, title, StageFolder(path), args, inputs or {}, self._states)
        known = self._known.setdefault(str(path), stage)
        if known.args != args:
            raise ConfigError(f"two rows of the recipe would share the folder {path}: name their variants apart")
        return known

    def _fit(self, data: Entry) -> Stage:
        leaves = dict(self.recipe.fit)
        encoder = str(leaves.pop("encoder", DEFAULT_ENCODER))
        config = find_config(f"encoder/{encoder}")
        if not config.is_file():
            raise ConfigError(f"recipe {self.recipe.name}: fit.encoder {encoder!r} is not in configs/encoder")
        args = ["--config", str(config), *self._data_args(data), *options("model", leaves)]
        return self._stage("fit", self._name(data), f"encoder for {self._name(data)}", args)

    def _distill(self, data: Entry, method: Entry, weighting: Entry, ipc: int, seed: int) -> Stage:
        args = ["--config", str(method_file(method.name))]
        if "." in weighting.name:
            args.append(f"--model.weighting={weighting.name}")
        else:
            args += ["--config", str(find_config(f"weighting/{weighting.name}"))]
        leaves = {**self._shared_leaves(method), **method.leaves, **weighting.leaves}
        self._reserved("distill", leaves)
        args += self._data_args(data)
        args += options("model", {**leaves, "images_per_class": ipc, "seed": seed})
        name = f"{self._name(data)}/{slug(method)}-{slug(weighting)}-ipc{ipc}-seed{seed}"
        title = f"{method.name} {slug(weighting)}, IPC {ipc}, seed {seed}, {self._name(data)}"
        stage = self._stage("distill", name, title, args)
        if needs_encoder(stage.config["model"]):
            stage.inputs["encoder"] = self._fit(data)
        return stage

    def _shared_leaves(self, method: Entry) -> dict[str, Any]:
        """Return the recipe's distillation leaves, or none for a method that trains nothing."""
        known = method_arguments(method_file(method.name))
        taken = {
            key: value
            for key, value in self.recipe.distill.items()
            if "iterations" in known or key.partition(".")[0] in known
        }
        self._taken |= set(taken)
        return taken

    def _reserved(self, kind: str, leaves: Iterable[str]) -> None:
        """Refuse leaves that the recipe says in another way, and that would lose against it."""
        for key in ELSEWHERE[kind]:
            if key in leaves:
                raise ConfigError(f"recipe {self.recipe.name}: {kind}.{key}: say it by {ELSEWHERE[kind][key]}")

    def _eval(
        self, data: Entry, method: Entry, weighting: Entry, ipc: int | None, network: Entry, trainer: Entry, seed: int
    ) -> Stage:
        args = [*self._data_args(data)]
        for flag, entry in (("network", network), ("trainer", trainer)):
            key = "learner" if flag == "trainer" else flag
            path = entry.name if "." in entry.name else find_config(f"{flag}/{entry.name}")
            args += [f"--model.{key}={path}", *options(f"model.{key}", entry.leaves)]
        self._reserved("eval", self.recipe.eval)
        args += options("model", {**self.recipe.eval, "seed": seed})
        made = None if ipc is None else self._distill(data, method, weighting, ipc, seed)
        name = made.folder.path.relative_to(self.root / "distill") if made else Path(self._name(data)) / FULL
        title = f"{made.title if made else f'{FULL}, {self._name(data)}'}, {slug(network)}, {slug(trainer)}"
        folder = f"{name}/{slug(network)}-{slug(trainer)}"
        return self._stage("eval", folder, title, args, {"synthetic": made} if made else {})


@cache
def method_arguments(config: Path) -> frozenset[str]:
    """Return the names of the arguments that a method's file leads to."""
    return frozenset(resolve("distill", ["--config", str(config)])["model"]["init_args"])


def plain_first(weightings: Sequence[Entry]) -> list[Entry]:
    """Return the weightings in their order, each plain one before its variants."""
    first = {entry.name: i for i, entry in reversed(list(enumerate(weightings)))}
    return sorted(weightings, key=lambda entry: (first[entry.name], bool(entry.leaves)))


def slug(entry: Entry) -> str:
    """Return a name for folders: the entry's, with its own leaves."""
    name = Path(entry.name).stem if is_file_name(entry.name) else entry.name.rpartition(".")[2]
    words = [name, *(f"{k}={v}" for k, v in entry.leaves.items())]
    text = re.sub(r"[^\w.=+-]+", "_", ",".join(words).replace(",", "+"))
    # Folder names have a limit; what was cut off still counts.
    return text if len(text) <= 120 else f"{text[:110]}-{fingerprint(words)[:8]}"


def weighting_name(model: dict[str, Any]) -> str:
    """Return the name that a distiller's weighting has in rows."""
    return str(weighting_class(model).name)


def weighting_class(model: dict[str, Any]) -> type[Weighting]:
    """Return the class of a distiller's weighting."""
    cls = import_class(model["init_args"]["weighting"]["class_path"])
    if not issubclass(cls, Weighting):
        raise ConfigError(f"{cls} is no Weighting")
    return cls


def needs_encoder(model: dict[str, Any]) -> bool:
    """Tell whether a distiller reads a bias encoder's embeddings."""
    return weighting_class(model).needs_embeddings
