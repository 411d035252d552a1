"""The plan of a run: which stages lead to which rows, and how far each has got."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.artefacts.results import Identity
from fdd_lightning.artefacts.stage_folder import StageFolder
from fdd_lightning.configuration.choices import Spec, import_class
from fdd_lightning.configuration.defaults import complete, parameters
from fdd_lightning.configuration.row_settings import distill_settings
from fdd_lightning.configuration.trainer_settings import decisive, refuse_nothing_to_do
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datamodules.named import data_module
from fdd_lightning.errors import ConfigError
from fdd_lightning.modules.base import fit_kinds
from fdd_lightning.modules.base_distiller import BaseDistiller
from fdd_lightning.modules.row_identity import evaluation_identity
from fdd_lightning.runs.planned_row import PlannedRow, trainer_class, weighting_of
from fdd_lightning.runs.recipe import FULL, Entry, Recipe, is_file_name
from fdd_lightning.runs.stage import PER_SET, Stage, configuration, options
from fdd_lightning.runs.time_estimates import estimate
from fdd_lightning.utils.files import fingerprint

ELSEWHERE = {
    "fit": {"experts.weighting": "weightings"},
    "distill": {"images_per_class": "ipcs", "seed": "distill_seeds", "weighting": "weightings"},
    "eval": {
        "seed": "eval.seeds",
        "seeds": "eval.seeds of the recipe, the same for all its rows",
        "network": "eval.networks",
        "learner": "eval.trainers",
    },
}
"""Leaves that a recipe says by keys of its own."""


class Plan:
    """All rows of a recipe, in its order.

    Args:
        recipe: The recipe.
        root: The run's folder.

    Raises:
        ConfigError: A leaf of the recipe does not fit its stage or no stage at all, or two rows would be one.

    Example:
        >>> from fdd_lightning.runs.recipe import read_recipe
        >>> len(Plan(read_recipe("quickstart"), Path("runs/quickstart")).rows)
        11
    """

    def __init__(self, recipe: Recipe, root: Path) -> None:
        self.recipe = recipe
        self.root = root
        self._known: dict[str, Stage] = {}
        self._states: dict[str, str | None] = {}
        self._modules: dict[str, BaseDataModule] = {}
        self._arguments_of = cache(arguments_of)
        self._module_by = cache(self._module_of_options)
        self._taken: set[str] = set()
        self._fitted: set[str] = set()
        self.notes: dict[str, str] = {}  # what was chosen for the user, by kind of fit
        fits = (recipe.fit, *(entry.of("fit") for entry in (*recipe.data, *recipe.all_methods())))
        for value in (value for leaves in fits for value in leaves.values()):
            if isinstance(value, str) and "." in value and not is_file_name(value):
                import_class(value)  # a kind of fit of the user's own is known from here on
        self._check_names()
        self.rows = list(self._planned())
        self._check()

    def _check_names(self) -> None:
        """Refuse two sets of images of the user's own that rows could not tell apart by name."""
        sources: dict[str, str] = {}
        for data in self.recipe.data:
            module = self._module_of(data)
            source = sources.setdefault(module.name, module.own_source)
            if source != module.own_source:
                raise ConfigError(
                    f"recipe {self.recipe.name}: two data sets are called {module.name!r} ({source} and "
                    f"{module.own_source}): give one another name (init_args: {{name: ...}})"
                )

    def _check(self) -> None:
        """Refuse leaves that nobody read, rows that nothing tells apart, and stages that would do nothing."""
        for stage in self.stages():
            refuse_nothing_to_do(stage.config["trainer"])
            if stage.config["trainer"]["fast_dev_run"]:
                raise ConfigError(f"recipe {self.recipe.name}: trainer.fast_dev_run leaves no result: leave it out")
        asked = [self.recipe.distill, *(data.of("distill") for data in self.recipe.data)]
        for key in (key for leaves in asked for key in leaves):
            if key not in self._taken:
                raise ConfigError(f"recipe {self.recipe.name}: distill.{key}: no method of the recipe takes it")
        for entry in self.recipe.data if self.recipe.fit else ():
            _ = self._fit(
                "encoder", entry, seed=0
            ).config  # misspelt leaves are refused also where nothing needs an encoder
        made = {flag for row in self.rows for stage in row.stages() for flag in stage.inputs}
        self.notes = {kind: note for kind, note in self.notes.items() if kind in made}
        for key in self.recipe.fit:
            if kind_of(key) not in {*made, "encoder"}:
                raise ConfigError(f"recipe {self.recipe.name}: fit.{key}: no method of the recipe needs {kind_of(key)}")
        for method in self.recipe.all_methods():
            for key in method.of("fit"):
                if key not in self._fitted:
                    name = f"recipe {self.recipe.name}: {method.name}"
                    raise ConfigError(f"{name}: fit.{key}: no row of it needs {kind_of(key)}")
        seen: dict[str, PlannedRow] = {}
        for row in self.rows:
            other = seen.setdefault(Identity(**row.identity).identity_key(), row)
            if other is not row:
                titles = " and ".join(dict.fromkeys(c.evaluations[0].title for c in (other, row)))
                raise ConfigError(f"recipe {self.recipe.name}: two rows are the same ({titles}): leave one out")

    def require_buildable(self) -> None:
        """Build every stage's model and networks without memory, each once whatever its seed.

        Raises:
            ConfigError: One refuses its arguments.
        """
        tried: set[str] = set()
        for row in self.rows:
            for stage in row.stages():
                model = {**stage.config["model"], "init_args": {**stage.config["model"]["init_args"], "seed": 0}}
                facts = stage.facts(row.data)
                key = json.dumps([stage.kind, model, facts, stage.config["trainer"]], default=str)
                if key not in tried:
                    stage.require_buildable(row.data)
                tried.add(key)

    def stages(self) -> list[Stage]:
        """Return every stage once, in an order in which they can run."""
        return list({id(stage): stage for row in self.rows for stage in row.stages()}.values())

    def data_of(self, stage: Stage) -> BaseDataModule:
        """Return a stage's data module, not set up."""
        return self._module(stage.config["data"])

    def set_of(self, row: Identity | None) -> Path | None:
        """Return the file of a row's first synthetic set; None where it has none, or there is no such row."""
        key = None if row is None else row.identity_key()
        planned = next((each for each in self.rows if Identity(**each.identity).identity_key() == key), None)
        made = None if planned is None else planned.evaluations[0].inputs.get("synthetic")
        return None if made is None else made.artefact

    def time_left(self) -> tuple[float, list[Stage]]:
        """Return the seconds that the unfinished stages will take together, and those of which nobody can tell."""
        times = [(stage, estimate(stage, self.data_of(stage))) for stage in self.stages() if not stage.finished()]
        return math.fsum(t for _, t in times if t is not None), [stage for stage, t in times if t is None]

    def _planned(self) -> Iterator[PlannedRow]:
        recipe = self.recipe
        for data in recipe.data:
            for method in recipe.methods_of(data):
                whole = method.name == FULL
                for weighting in [Entry("vanilla")] if whole else plain_first(method.weightings or recipe.weightings):
                    for ipc in (None,) if whole else method.ipcs or recipe.ipcs:
                        for network in recipe.networks:
                            for trainer in method.trainers or recipe.trainers:
                                yield self._row(data, method, weighting, ipc, network, trainer)

    def _row(
        self, data: Entry, method: Entry, weighting: Entry, ipc: int | None, network: Entry, trainer: Entry
    ) -> PlannedRow:
        seeds = (0,) if ipc is None else self.recipe.distill_seeds
        again = self.recipe.eval_seeds
        evaluations = [
            self._eval(data, method, weighting, ipc, network, trainer, seed, own)
            for seed in seeds
            for own in again or (None,)
        ]
        first = evaluations[0]
        module = self._module(first.config["data"])
        made = first.inputs.get("synthetic")
        settings = module.settings
        if made is not None:
            settings |= made.inherited_settings()
            model = made.config["model"]
            settings |= distill_settings(model, model["init_args"]["method"], weighting_of(model).name)
            settings |= decisive(made.config["trainer"])
        train_on = "synthetic" if made else "real"
        try:
            refuse_groups(trainer_class(first.config["model"]), train_on, 2)
        except ConfigError as error:
            raise ConfigError(f"recipe {self.recipe.name}: {error}") from error
        identity = {
            "dataset": module.name,
            "method": made.config["model"]["init_args"]["method"] if made else FULL,
            "variant": made.config["model"]["init_args"]["variant"] if made else "published",
            "weighting": weighting_of(made.config["model"]).name if made else "vanilla",
            "ipc": ipc,
            "conflict_ratio": module.conflict_ratio,
            "settings": settings,
            "distill_seeds": list(seeds) if made else [],
            "eval_seeds": None,
            **evaluation_identity(
                first.config["model"],
                train_on,
                getattr(made.module, "learned", ()) if made else (),
                decisive(first.config["trainer"]),
            ),
        }
        if again is not None:
            identity |= {"eval_seeds": list(again), "eval_networks": identity["eval_networks"] * len(again)}
        return PlannedRow(identity, evaluations, module)

    def _module(self, spec: Spec) -> BaseDataModule:
        """Return the data module of a spec, not set up; rows of one spec share it, and so what it has looked up."""
        return self._modules.setdefault(json.dumps(spec, sort_keys=True), data_module(spec))

    def _module_of(self, data: Entry) -> BaseDataModule:
        """Return the data module of a recipe's entry.

        Raises:
            ConfigError: A leaf of the recipe does not fit the data set.
        """
        try:
            return self._module_by(tuple(options_of(data)))
        except ConfigError as error:
            raise ConfigError(f"{data.name}: {str(error).replace('--data.', 'data.')}") from error

    def _module_of_options(self, options: tuple[str, ...]) -> BaseDataModule:
        return self._module(configuration("eval", [], options)["data"])

    def _called(self, data: Entry) -> str:
        """Return what a data set is called: as rows do where it has a name of its own, else as the recipe does."""
        module = self._module_of(data)
        return data.name if module.name == module.entry else module.name

    def _name(self, data: Entry) -> str:
        """Return a data set's name for folders and titles, with what tells it from the recipe's others of that name."""
        called = self._called(data)
        alike = [entry.leaves for entry in self.recipe.data if self._called(entry) == called]
        told = {k: v for k, v in data.leaves.items() if any(k not in leaves or leaves[k] != v for leaves in alike)}
        return slug(Entry(called if called == data.name else called.replace(".", "_"), told))

    def _stage(
        self, kind: str, name: str, title: str, args: list[str], data: Entry, inputs: dict[str, Stage] | None = None
    ) -> Stage:
        """Return the stage of this folder; stages that several rows share are one object."""
        if not any(a.startswith("--trainer.devices=") for a in args):
            args = [*args, "--trainer.devices=1"]
        path = self.root / kind / name
        stage = Stage(kind, title, StageFolder(path), args, options_of(data), inputs or {}, states=self._states)
        known = self._known.setdefault(str(path), stage)
        if (known.args, known.data) != (stage.args, stage.data):
            raise ConfigError(f"two rows of the recipe would share the folder {path}: name their variants apart")
        return known

    def _fit(
        self,
        kind: str,
        data: Entry,
        seed: int,
        weighting: Entry | None = None,
        given: Mapping[str, Any] = MappingProxyType({}),
    ) -> Stage:
        """Return the stage of a kind of fit; one for each weighting where it weighs images.

        What is ``given`` are a method's own leaves of its fits, over the recipe's. The distillation ``seed`` counts
        where the recipe says ``seed: per_set``: of one kind by its own leaf, of all others by that without a prefix.
        """
        fit = fit_kinds()[kind]
        own = {key: value for key, value in given.items() if kind_of(key) == kind}
        asked = {**self.recipe.fit, **data.of("fit"), **given}
        leaves = {k: v for k, v in asked.items() if kind_of(k) == kind}
        per_set = leaves.get(fit.leaf("seed"), asked.get("seed")) == PER_SET
        self._fitted |= {*own, *({"seed"} if per_set else ())}
        if per_set:
            own.pop(fit.leaf("seed"), None)
            leaves[fit.leaf("seed")] = seed
        entry, why = fit.entry_here()
        if why and kind not in leaves:
            self.notes[kind] = f"{kind} {entry}, as the recipe names none and {why} (fit.{kind} says another)"
        name = str(leaves.pop(kind, entry))
        self._reserved("fit", leaves)
        try:
            spec = fit.spec_of_entry(name)
        except ConfigError as error:
            raise ConfigError(f"recipe {self.recipe.name}: {error}") from None
        args = [f"--model={json.dumps(spec)}"]
        leaves = {key.removeprefix(fit.leaf()): value for key, value in leaves.items()}
        variant = {key.removeprefix(fit.leaf()): value for key, value in own.items()}
        folder = f"{self._name(data)}-{kind}"
        if weighting is not None and "weighting" in parameters(import_class(complete(spec, (fit,))["class_path"])):
            weighs = {k: v for k, v in weighting.leaves.items() if k.startswith("weighting.")}
            args.append(f"--model.weighting={weighting.name}")
            leaves |= weighs
            folder += f"-{slug(Entry(weighting.name, weighs | variant))}"
        elif variant:
            folder += f"-{slug(Entry(name, {k: v for k, v in variant.items() if k != kind}))}"
        folder += f"-seed{seed}" if per_set else ""
        args += options("model", leaves)
        stage = self._stage("fit", folder, f"{kind} for {folder}", args, data)
        stage.section = "fit" if not fit.leaf() else f"fit.{kind}"
        stage.per_set = per_set
        return self._with_inputs(stage, data, seed, weighting, given)

    def _with_inputs(
        self, stage: Stage, data: Entry, seed: int, weighting: Entry | None, given: Mapping[str, Any]
    ) -> Stage:
        """Return a stage with the stages that make its inputs.

        Raises:
            ConfigError: Its arguments cannot go together, or one for all sets reads what each set has its own of.
        """
        if stage.inputs or weighting is None:
            return stage
        arguments = stage.config["model"]["init_args"]
        try:
            flags = stage.module.needs(arguments)
        except ConfigError as error:
            raise ConfigError(f"recipe {self.recipe.name}: {error}") from error
        stage.inputs = {flag: self._fit(flag, data, seed, weighting, given) for flag in flags}
        for flag, before in stage.inputs.items():
            if before.per_set and stage.kind == "fit" and not stage.per_set:
                raise ConfigError(
                    f"recipe {self.recipe.name}: {stage.section}.seed: say {PER_SET} here too: what is one for all "
                    f"sets cannot read what each set has its own of ({flag})"
                )
        return stage

    def _distill(self, data: Entry, method: Entry, weighting: Entry, ipc: int, seed: int) -> Stage:
        args = [f"--model={method.name}", f"--model.weighting={weighting.name}"]
        leaves = {**self._shared_leaves(data, method), **method.leaves, **weighting.leaves}
        self._reserved("distill", leaves)
        args += options("model", {**leaves, "images_per_class": ipc, "seed": seed})
        name = f"{self._name(data)}/{slug(method)}-{slug(weighting)}-ipc{ipc}-seed{seed}"
        title = f"{method.name} {slug(weighting)}, IPC {ipc}, seed {seed}, {self._name(data)}"
        stage = self._stage("distill", name, title, args, data)
        return self._with_inputs(stage, data, seed, weighting, method.of("fit"))

    def _shared_leaves(self, data: Entry, method: Entry) -> dict[str, Any]:
        """Return those of the recipe's and the data set's distillation leaves that the method takes.

        What no method takes, all refuse; a method that trains nothing refuses nothing.
        """
        known = [self._arguments_of(m.name) for m in self.recipe.all_methods() if m.name != FULL]
        own = self._arguments_of(method.name)

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
        self,
        data: Entry,
        method: Entry,
        weighting: Entry,
        ipc: int | None,
        network: Entry,
        trainer: Entry,
        seed: int,
        own_seed: int | None,
    ) -> Stage:
        """Return the evaluation of the set of a distillation seed: with that seed, or one of its own."""
        args = []
        for flag, entry in (("network", network), ("trainer", trainer)):
            key = "learner" if flag == "trainer" else flag
            args += [f"--model.{key}={entry.name}", *options(f"model.{key}", entry.leaves)]
        leaves = {**self.recipe.eval, **data.of("eval"), **method.of("eval")}
        self._reserved("eval", leaves)
        args += options("model", {**leaves, "seed": seed if own_seed is None else own_seed})
        made = None if ipc is None else self._distill(data, method, weighting, ipc, seed)
        name = made.folder.path.relative_to(self.root / "distill") if made else Path(self._name(data)) / FULL
        title = f"{made.title if made else f'{FULL}, {self._name(data)}'}, {slug(network)}, {slug(trainer)}"
        folder = f"{name}/{slug(network)}-{slug(Entry(trainer.name, trainer.leaves | method.of('eval')))}"
        if own_seed is not None:
            folder, title = f"{folder}-seed{own_seed}", f"{title}, evaluation seed {own_seed}"
        return self._stage("eval", folder, title, args, data, {"synthetic": made} if made else {})


def options_of(data: Entry) -> list[str]:
    """Return the options of a stage that say its data."""
    return [f"--data={data.name}", *options("data", data.leaves)]


def kind_of(key: str) -> str:
    """Return the kind of fit that a leaf below ``fit`` belongs to; without a kind's prefix it is the encoder's."""
    kinds = fit_kinds()
    first = key.partition(".")[0]
    return first if first in kinds and (key == first or kinds[first].leaf()) else "encoder"


def arguments_of(method: str) -> frozenset[str]:
    """Return the names of the arguments of a method's class."""
    return frozenset(parameters(import_class(complete(method, (BaseDistiller,))["class_path"])))


def plain_first(weightings: Sequence[Entry]) -> list[Entry]:
    """Return the weightings in their order, each plain one before its variants."""
    first = {entry.name: i for i, entry in reversed(list(enumerate(weightings)))}
    return sorted(weightings, key=lambda entry: (first[entry.name], bool(entry.leaves)))


def slug(entry: Entry) -> str:
    """Return a name for folders: the entry's, with its own leaves in whatever order they were written."""
    name = Path(entry.name).stem if is_file_name(entry.name) else entry.name
    if re.fullmatch(r"\w+(\.\w+)+", name):  # a class path
        name = name.rpartition(".")[2]
    words = [name, *(f"{k}={v}" for k, v in sorted(entry.leaves.items()))]
    words += [f"fit.{k}={v}" for k, v in sorted(entry.of("fit").items())]
    text = re.sub(r"[^\w.=+-]+", "_", ",".join(words).replace(",", "+"))
    # Folder names have a limit; what was cut off still counts.
    return text if len(text) <= 120 else f"{text[:110]}-{fingerprint(words)[:8]}"
