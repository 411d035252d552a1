"""The plan of a run: which stages lead to which rows, and how far each has got."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.artefacts.results import Identity
from fdd_lightning.artefacts.stage_folder import StageFolder
from fdd_lightning.configuration.lookup import build_data
from fdd_lightning.configuration.settings import distill_settings
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.provenance import settings_of_data
from fdd_lightning.runs.fits import FITS, entry_args, fit_leaves, flag_of
from fdd_lightning.runs.planned_row import Cell, trainer_class, weighting_name
from fdd_lightning.runs.recipe import FULL, Entry, Recipe, is_file_name, method_file
from fdd_lightning.runs.stage import Stage, known_arguments, options
from fdd_lightning.utils.files import fingerprint
from fdd_lightning.utils.paths import find_config

ELSEWHERE = {
    "fit": {"experts.weighting": "weightings"},
    "distill": {"images_per_class": "ipcs", "seed": "distill_seeds", "weighting": "weightings"},
    "eval": {"seed": "distill_seeds", "network": "eval.networks", "learner": "eval.trainers"},
}
"""Leaves that a recipe says by keys of its own."""


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
        self._fitted: set[str] = set()
        self.cells = list(self._cells())
        self._check()

    def _check(self) -> None:
        """Refuse leaves that nobody read, and rows that nothing tells apart."""
        asked = [self.recipe.distill, *(data.of("distill") for data in self.recipe.data)]
        for key in (key for leaves in asked for key in leaves):
            if key not in self._taken:
                raise ConfigError(f"recipe {self.recipe.name}: distill.{key}: no method of the recipe takes it")
        for entry in self.recipe.data if self.recipe.fit else ():
            _ = self._fit("encoder", entry).config  # misspelt leaves are refused also where nothing needs an encoder
        made = {flag for cell in self.cells for stage in cell.stages() for flag in stage.inputs}
        for key in self.recipe.fit:
            if flag_of(key) not in {*made, "encoder"}:
                raise ConfigError(f"recipe {self.recipe.name}: fit.{key}: no method of the recipe needs {flag_of(key)}")
        for method in self.recipe.all_methods():
            for key in method.of("fit"):
                if key not in self._fitted:
                    name = f"recipe {self.recipe.name}: {method.name}"
                    raise ConfigError(f"{name}: fit.{key}: no row of it needs {flag_of(key)}")
        seen: dict[str, Cell] = {}
        for cell in self.cells:
            other = seen.setdefault(Identity(**cell.identity).identity_key(), cell)
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
            for method in recipe.methods_of(data):
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
        self, kind: str, name: str, title: str, args: list[str], data: Entry, inputs: dict[str, Stage] | None = None
    ) -> Stage:
        """Return the stage of this folder; stages that several rows share are one object."""
        if not any(a.startswith("--trainer.devices=") for a in args):
            args = [*args, "--trainer.devices=1"]
        path = self.root / kind / name
        stage = Stage(kind, title, StageFolder(path), args, self._data_args(data), inputs or {}, states=self._states)
        known = self._known.setdefault(str(path), stage)
        if (known.args, known.data) != (stage.args, stage.data):
            raise ConfigError(f"two rows of the recipe would share the folder {path}: name their variants apart")
        return known

    def _fit(
        self, flag: str, data: Entry, weighting: Entry | None = None, given: Mapping[str, Any] | None = None
    ) -> Stage:
        """Return the stage that makes what a flag takes; one for each weighting where it weighs images.

        Args:
            flag: The flag.
            data: The data set.
            weighting: The weighting of the row.
            given: A method's own leaves of its fits, over the recipe's.
        """
        given = given or {}
        name, leaves = fit_leaves(flag, {**self.recipe.fit, **data.of("fit"), **given})
        self._reserved("fit", [f"{FITS[flag].prefix}{key}" for key in leaves])
        try:
            args, config = entry_args(flag, name)
        except ConfigError as error:
            raise ConfigError(f"recipe {self.recipe.name}: {error}") from None
        own = {key: value for key, value in given.items() if flag_of(key) == flag}
        self._fitted |= set(own)
        folder, variants = self._name(data), {k.removeprefix(FITS[flag].prefix): v for k, v in own.items()}
        if weighting is not None and not FITS[flag].learner and "weighting" in known_arguments("fit", config):
            weighs = {k: v for k, v in weighting.leaves.items() if k.startswith("weighting.")}
            args += weighting_args(weighting)
            leaves |= weighs
            folder += f"-{flag}-{slug(Entry(weighting.name, weighs | variants))}"
        elif flag != "encoder" or variants:
            folder += f"-{slug(Entry(name if FITS[flag].learner else flag, variants))}"
        args += options("model", leaves)
        stage = self._stage("fit", folder, f"{flag} for {folder}", args, data)
        stage.section = f"fit.{flag}" if FITS[flag].prefix else "fit"
        return self._with_inputs(stage, data, weighting, given)

    def _with_inputs(
        self, stage: Stage, data: Entry, weighting: Entry | None, given: Mapping[str, Any] | None = None
    ) -> Stage:
        """Return a stage with the stages that make its inputs."""
        if stage.inputs or weighting is None:
            return stage
        arguments = stage.config["model"]["init_args"]
        try:
            flags = stage.module.needs(arguments)
        except ConfigError as error:
            raise ConfigError(f"recipe {self.recipe.name}: {error}") from error
        stage.inputs = {flag: self._fit(flag, data, weighting, given) for flag in flags}
        return stage

    def _distill(self, data: Entry, method: Entry, weighting: Entry, ipc: int, seed: int) -> Stage:
        args = ["--config", str(method_file(method.name)), *weighting_args(weighting)]
        leaves = {**self._shared_leaves(data, method), **method.leaves, **weighting.leaves}
        self._reserved("distill", leaves)
        args += options("model", {**leaves, "images_per_class": ipc, "seed": seed})
        name = f"{self._name(data)}/{slug(method)}-{slug(weighting)}-ipc{ipc}-seed{seed}"
        title = f"{method.name} {slug(weighting)}, IPC {ipc}, seed {seed}, {self._name(data)}"
        return self._with_inputs(self._stage("distill", name, title, args, data), data, weighting, method.of("fit"))

    def _shared_leaves(self, data: Entry, method: Entry) -> dict[str, Any]:
        """Return those of the recipe's and the data set's distillation leaves that the method takes.

        What no method takes, all refuse; a method that trains nothing refuses nothing.
        """
        known = [known_arguments("distill", method_file(m.name)) for m in self.recipe.all_methods() if m.name != FULL]
        own = known_arguments("distill", method_file(method.name))

        def takes(key: str) -> bool:
            first = key.partition(".")[0]
            return first in own or ("iterations" in own and not any(first in other for other in known))

        shared = {**self.recipe.distill, **data.of("distill")}
        taken = {key: value for key, value in shared.items() if takes(key)}
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
        args = []
        for flag, entry in (("network", network), ("trainer", trainer)):
            key = "learner" if flag == "trainer" else flag
            path = entry.name if "." in entry.name else find_config(f"{flag}/{entry.name}")
            args += [f"--model.{key}={path}", *options(f"model.{key}", entry.leaves)]
        leaves = {**self.recipe.eval, **data.of("eval"), **method.of("eval")}
        self._reserved("eval", leaves)
        args += options("model", {**leaves, "seed": seed})
        made = None if ipc is None else self._distill(data, method, weighting, ipc, seed)
        name = made.folder.path.relative_to(self.root / "distill") if made else Path(self._name(data)) / FULL
        title = f"{made.title if made else f'{FULL}, {self._name(data)}'}, {slug(network)}, {slug(trainer)}"
        folder = f"{name}/{slug(network)}-{slug(Entry(trainer.name, trainer.leaves | method.of('eval')))}"
        return self._stage("eval", folder, title, args, data, {"synthetic": made} if made else {})


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
    """Return a name for folders: the entry's, with its own leaves in whatever order they were written."""
    name = Path(entry.name).stem if is_file_name(entry.name) else entry.name.rpartition(".")[2]
    words = [name, *(f"{k}={v}" for k, v in sorted(entry.leaves.items()))]
    words += [f"fit.{k}={v}" for k, v in sorted(entry.of("fit").items())]
    text = re.sub(r"[^\w.=+-]+", "_", ",".join(words).replace(",", "+"))
    # Folder names have a limit; what was cut off still counts.
    return text if len(text) <= 120 else f"{text[:110]}-{fingerprint(words)[:8]}"
