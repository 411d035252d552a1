"""The plan of a run: which stages lead to which rows, and how far each has got."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from fdd_lightning.choices import build, import_class
from fdd_lightning.cli import resolve
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from fdd_lightning.io import fingerprint, sha256_path
from fdd_lightning.learners.groups import refuse_groups
from fdd_lightning.matching.weightings import Weighting
from fdd_lightning.modules.base import StageModule
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.provenance import settings_of_data
from fdd_lightning.paths import find_config
from fdd_lightning.report.results import identity_key
from fdd_lightning.runs.recipe import FULL, Entry, Recipe, is_file_name, method_file
from fdd_lightning.settings import distill_settings
from fdd_lightning.stages.folder import StageFolder, StageRecord, config_fingerprint
from fdd_lightning.stages.lookup import build_data, source_state

FITS = {"encoder": "supcon", "experts": "mtt"}
"""What `fdd fit` makes for `distill`: the flag that takes it, which is its folder of the menu, and the entry taken."""


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
    "fit": {"experts.weighting": "weightings"},
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
        section: Where a recipe has its leaves, if not below its kind.
        states: States of source files that were looked up, by the data's spec; one for all stages of a plan.
    """

    kind: str
    title: str
    folder: StageFolder
    args: list[str]
    inputs: dict[str, Stage] = field(default_factory=dict)
    section: str = ""
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

    def inherited_settings(self) -> dict[str, Any]:
        """Return the settings of all that leads to this stage's inputs, as they stand in rows."""
        found: dict[str, Any] = {}
        for stage in self.inputs.values():
            found |= stage.inherited_settings() | stage.module.row_settings(stage.config["model"])
        return found

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
            told = str(error).replace("--model.", f"{self.section or self.kind}.").replace("--data.", "data.")
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
        hashes = {flag: sha256_path(stage.artefact) for flag, stage in self.inputs.items()}
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
            ConfigError: The row's weighting or trainer needs groups, and the data have none.
        """
        if self.data.missing is not None:
            raise DatasetNotFoundError(self.data.missing)
        made = self.evaluations[0].inputs.get("synthetic")
        if made is not None and self.data.num_groups < 2 and weighting_of(made.config["model"]).needs_groups:
            raise ConfigError(
                f"weighting {self.identity['weighting']} needs groups, and data set {self.data.name} has none: name a "
                "column of groups, or leave the weighting out (vanilla and kde need none)"
            )
        trainer = trainer_class(self.evaluations[0].config["model"])
        refuse_groups(trainer, self.identity["train_on"], self.data.num_groups)


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
            _ = self._fit("encoder", entry).config  # misspelt leaves are refused also where nothing needs an encoder
        made = {flag for cell in self.cells for stage in cell.stages() for flag in stage.inputs}
        for flag in FITS.keys() - made - {"encoder"}:
            for key in self.recipe.fit:
                if key == flag or key.startswith(f"{flag}."):
                    raise ConfigError(f"recipe {self.recipe.name}: fit.{key}: no method of the recipe needs {flag}")
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
                            for trainer in method.trainers or recipe.trainers:
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
            settings |= made.inherited_settings()
            model = made.config["model"]
            settings |= distill_settings(model, model["init_args"]["method"], weighting_name(model))
        train_on = "synthetic" if made else "real"
        try:
            refuse_groups(trainer_class(first.config["model"]), train_on, 2)
        except ConfigError as error:
            raise ConfigError(f"recipe {self.recipe.name}: {error}") from error
        identity = {
            "dataset": module.name,
            "method": made.config["model"]["init_args"]["method"] if made else FULL,
            "weighting": weighting_name(made.config["model"]) if made else "vanilla",
            "ipc": ipc,
            "conflict_ratio": module.conflict_ratio,
            "settings": settings,
            "distill_seeds": list(seeds) if made else [],
            **Evaluator.identity_of(
                first.config["model"], train_on, getattr(made.module, "learned", ()) if made else ()
            ),
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
        stage = Stage(kind, title, StageFolder(path), args, inputs or {}, states=self._states)
        known = self._known.setdefault(str(path), stage)
        if known.args != args:
            raise ConfigError(f"two rows of the recipe would share the folder {path}: name their variants apart")
        return known

    def _fit(self, flag: str, data: Entry, weighting: Entry | None = None) -> Stage:
        """Return the stage that makes what a flag takes; one for each weighting where it weighs images."""
        name, leaves = self._fit_leaves(flag)
        config = find_config(f"{flag}/{name}")
        if not config.is_file():
            raise ConfigError(f"recipe {self.recipe.name}: fit.{flag} {name!r} is not in configs/{flag}")
        args, folder = ["--config", str(config)], self._name(data)
        if weighting is not None and "weighting" in known_arguments("fit", config):
            weighs = {k: v for k, v in weighting.leaves.items() if k.startswith("weighting.")}
            args += weighting_args(weighting)
            leaves |= weighs
            folder += f"-{flag}-{slug(Entry(weighting.name, weighs))}"
        args += [*self._data_args(data), *options("model", leaves)]
        stage = self._stage("fit", folder, f"{flag} for {folder}", args)
        stage.section = "fit" if flag == "encoder" else f"fit.{flag}"
        return self._with_inputs(stage, data, weighting)

    def _fit_leaves(self, flag: str) -> tuple[str, dict[str, Any]]:
        """Return the menu's entry and the leaves that a recipe has for a kind of fit; an encoder's have no prefix."""
        given = self.recipe.fit
        name = str(given.get(flag, FITS[flag]))
        if flag != "encoder":
            leaves = {k.removeprefix(f"{flag}."): v for k, v in given.items() if k.startswith(f"{flag}.")}
            self._reserved("fit", [f"{flag}.{key}" for key in leaves])
            return name, leaves
        others = tuple(f"{other}." for other in FITS if other != flag)
        return name, {k: v for k, v in given.items() if k not in FITS and not k.startswith(others)}

    def _with_inputs(self, stage: Stage, data: Entry, weighting: Entry | None) -> Stage:
        """Return a stage with the stages that make its inputs."""
        if stage.inputs or weighting is None:
            return stage
        arguments = stage.config["model"]["init_args"]
        try:
            flags = stage.module.needs(arguments)
        except ConfigError as error:
            raise ConfigError(f"recipe {self.recipe.name}: {error}") from error
        stage.inputs = {flag: self._fit(flag, data, weighting) for flag in flags}
        return stage

    def _distill(self, data: Entry, method: Entry, weighting: Entry, ipc: int, seed: int) -> Stage:
        args = ["--config", str(method_file(method.name)), *weighting_args(weighting)]
        leaves = {**self._shared_leaves(method), **method.leaves, **weighting.leaves}
        self._reserved("distill", leaves)
        args += self._data_args(data)
        args += options("model", {**leaves, "images_per_class": ipc, "seed": seed})
        name = f"{self._name(data)}/{slug(method)}-{slug(weighting)}-ipc{ipc}-seed{seed}"
        title = f"{method.name} {slug(weighting)}, IPC {ipc}, seed {seed}, {self._name(data)}"
        return self._with_inputs(self._stage("distill", name, title, args), data, weighting)

    def _shared_leaves(self, method: Entry) -> dict[str, Any]:
        """Return those of the recipe's distillation leaves that the method takes; what no method takes, all refuse.

        A method that trains nothing refuses nothing.
        """
        known = [known_arguments("distill", method_file(m.name)) for m in self.recipe.methods if m.name != FULL]
        own = known_arguments("distill", method_file(method.name))

        def takes(key: str) -> bool:
            first = key.partition(".")[0]
            return first in own or ("iterations" in own and not any(first in other for other in known))

        taken = {key: value for key, value in self.recipe.distill.items() if takes(key)}
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
def known_arguments(kind: str, config: Path) -> frozenset[str]:
    """Return the names of the arguments that a file of the menu leads to."""
    return frozenset(resolve(kind, ["--config", str(config)])["model"]["init_args"])


def weighting_args(weighting: Entry) -> list[str]:
    """Return the options that choose a weighting; its leaves are not among them."""
    if "." in weighting.name:
        return [f"--model.weighting={weighting.name}"]
    return ["--config", str(find_config(f"weighting/{weighting.name}"))]


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


def trainer_class(model: dict[str, Any]) -> type:
    """Return the class of an evaluator's learner."""
    return import_class(model["init_args"]["learner"]["class_path"])


def weighting_name(model: dict[str, Any]) -> str:
    """Return the name that a distiller's weighting has in rows."""
    return weighting_of(model).name


def weighting_of(model: dict[str, Any]) -> Weighting:
    """Return a distiller's weighting; what it needs may depend on its arguments."""
    found = build(model["init_args"]["weighting"])
    if not isinstance(found, Weighting):
        raise ConfigError(f"{type(found).__name__} is no Weighting")
    return found
