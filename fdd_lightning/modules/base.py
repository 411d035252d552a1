"""What every stage's module shares: how long it runs, how it is remembered, what it reads and leaves behind."""

from __future__ import annotations

import copy
import inspect
import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar

import torch
from lightning import LightningModule
from torch import Tensor

from fdd_lightning.__about__ import __version__
from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec, class_path, is_spec, spec_of
from fdd_lightning.configuration.defaults import complete, parameters
from fdd_lightning.configuration.named_by_files import may_be_named, require_known
from fdd_lightning.configuration.row_settings import below, differences
from fdd_lightning.configuration.sizes import sized, sized_by_data
from fdd_lightning.configuration.trainer_settings import decisive
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.evidence import Gallery
from fdd_lightning.matching.groupings import Grouping
from fdd_lightning.matching.weightings import Weighting
from fdd_lightning.modules.workload import Extent, Workload
from fdd_lightning.utils.finite import require_finite

T = TypeVar("T")


class StageModule(LightningModule, ABC):
    """Base of the modules of ``fdd fit``, ``distill`` and ``eval``.

    A subclass draws every random number from ``rng.generator(self.seed, ...)`` and ``self.global_step``, and says how
    many optimiser steps it takes. The trainer stops there unless it was given a ``max_steps`` of its own.

    Attributes:
        menu: Folder of the menu that holds specs of it.
        place: Where in a stage's configuration a spec of it belongs.
        open_choices: Arguments that may be ``auto``, and what each is then settled as (see :meth:`settle`); the plain
            value first, which leaves results as they are.
        artefact: Name of the file or folder that the stage leaves in its output folder.
        draws_own_batches: True where the module asks the data for images by index; the loader then only counts steps.
        keeps_checkpoint: Whether the last checkpoint stays when the stage is finished.
        indifferent: Arguments that change nothing but the last bits of what is computed: they are no part of a stage's
            fingerprint, nor of its rows.
        later: Arguments that a release added, with the value at which all is as before: they are then no part of a
            fingerprint, so that finished stages stay finished.
        folder: The output folder, where there is one: a module may write parts of a large artefact as they come.
        seed: Seed of every draw.
        stage: The subcommand that runs it.
        warnings: What is doubtful about the result, in words (see :mod:`fdd_lightning.artefacts.doubts`).
        seconds_of_setup: What set-up took, where it does the stage's own work (selecting images, say); added to the
            training's time.

    Example:
        >>> from fdd_lightning.modules.distiller import Distiller
        >>> Distiller(num_classes=2, image_shape=(3, 16, 16), seed=5).spec["init_args"]["seed"]
        5
    """

    menu: ClassVar[str] = ""
    place: ClassVar[str] = "model"
    open_choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    stage: ClassVar[str]
    artefact: str
    draws_own_batches: bool = False
    keeps_checkpoint: bool = True
    indifferent: ClassVar[frozenset[str]] = frozenset()
    later: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    folder: Path | None = None
    seed: int
    seconds_of_setup: float = 0.0
    warnings: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.remember()

    def remember(self) -> None:
        """Keep the constructor's arguments as class-path specs, as the command line stores them.

        Live objects in a checkpoint would keep it from being loaded.
        """
        frame, own = inspect.currentframe(), parameters(type(self))
        bases = [base for base in type(self).__mro__ if issubclass(base, StageModule)]
        fixed = [key for base in bases for key in parameters(base) if key not in own]  # by the class itself
        self.save_hyperparameters(frame=frame.f_back if frame else None, ignore=fixed, logger=False)
        for key, value in list(self.hparams.items()):
            self.hparams[key] = spec_of(value)
        # Tells load_from_checkpoint to build nested choices from their specs.
        self.hparams.setdefault("_instantiator", "lightning.pytorch.cli.instantiate_module")
        self.hparams.setdefault("_class_path", class_path(type(self)))
        self._hparams_initial = copy.deepcopy(self._hparams)

    @property
    def spec(self) -> Spec:
        """Class path and arguments, every default filled in."""
        arguments = {key: spec_of(value) for key, value in self.hparams.items() if not key.startswith("_")}
        return dict(complete({"class_path": class_path(type(self)), "init_args": arguments}))

    @classmethod
    def for_data(cls, data: BaseDataModule, **arguments: Any) -> Self:
        """Build the module for a data set, set up or not, and the arguments that do not follow from it."""
        wanted = [key for key in ("num_classes", "num_groups", "image_shape") if key in parameters(cls)]
        facts: dict[str, Any] = {key: getattr(data, key) for key in wanted}
        return cls(**{**facts, **arguments})

    @classmethod
    def implied(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that follow from those given (from a preset, say) where they are left out."""
        return {}

    @classmethod
    def behind(cls, arguments: Mapping[str, Any]) -> Any:
        """Return what decides the result beside all the arguments, such as what a preset says; None if nothing."""
        return None

    @classmethod
    def settle(
        cls, arguments: Mapping[str, Any], num_classes: int, image_shape: tuple[int, int, int], device: str
    ) -> dict[str, str]:
        """Return what the arguments of :attr:`open_choices` come to, by counts and the kind of device.

        Args:
            arguments: All arguments of the constructor, choices among them as specs.
            num_classes: Number of classes.
            image_shape: (C, H, W).
            device: ``cpu``, ``cuda``, ...
        """
        return {}

    @classmethod
    def flags(cls) -> dict[str, str]:
        """Return the input files and folders that stages of this kind take: flags, and what each is."""
        return {}

    @classmethod
    def needs(cls, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the inputs without which the stage cannot run, by flag (``encoder``, ``experts``).

        Args:
            arguments: The constructor's arguments, choices among them as specs; defaults may be left out.

        Raises:
            ConfigError: The arguments cannot go together; the line names the alternative.
        """
        return ()

    @classmethod
    def refuse_data(cls, arguments: Mapping[str, Any], data: BaseDataModule) -> None:
        """Refuse data, not set up, that the arguments ask for something else of.

        Args:
            arguments: The constructor's arguments, choices among them as specs.
            data: The data module.

        Raises:
            ConfigError: With the way out.
        """

    @classmethod
    def workload(cls, arguments: Mapping[str, Any], extent: Extent) -> Workload | None:
        """Return how much the stage will compute; None, the default, where that cannot be told beforehand.

        Args:
            arguments: All arguments of the constructor, choices among them as specs.
            extent: How large its data are.
        """
        return None

    def take(self, flag: str, path: Path) -> None:
        """Take an input file or folder, by its flag; read in :meth:`check` or :meth:`setup`."""
        setattr(self, flag, path)

    def check(self) -> None:
        """Refuse inputs and combinations that cannot mean anything, before any data is touched.

        Raises:
            FDDError: With the reason and the alternative.
        """

    def title(self) -> str:
        """Return what the progress bar calls it."""
        return type(self).__name__.lower()

    def describe(self) -> dict[str, Any]:
        """Return what an artefact says of itself: enough to know, and to repeat, how it was made."""
        data = self.data
        return {
            **data.described,
            "data_fingerprint": data.fingerprint,
            "code_version": __version__,
            "threads": torch.get_num_threads(),
            "config": sized(self.spec, lambda: data.image_shape),
            **({"trainer_settings": self.trainer_settings} if self.trainer_settings else {}),
            **({"warnings": list(self.warnings)} if self.warnings else {}),
        }

    def finish(self, seconds: float, before: Mapping[str, float | None], *, inside_run: bool) -> None:
        """Note what belongs to the result once everything was computed; called on the first process.

        Args:
            seconds: What the stage took.
            before: What earlier stages took; None where it is not known.
            inside_run: Whether it is a stage of `fdd run`, which gathers the rows of all.
        """

    @property
    @abstractmethod
    def num_steps(self) -> int:
        """Optimiser steps of the whole stage; known once :meth:`setup` ran."""

    @abstractmethod
    def save_artefact(self, folder: Path) -> Path:
        """Write the stage's result into a folder and return the file."""

    def remark(self) -> str:
        """Return what is worth saying of the result on one line, or nothing."""
        return ""

    def next_step(self, artefact: Path) -> str:
        """Return a command that may come next, without its data; empty where none suggests itself."""
        return ""

    @property
    def data(self) -> BaseDataModule:
        """The data module that the trainer was given.

        Raises:
            ConfigError: There is none, or it is not one of this package.
        """
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, BaseDataModule):
            raise ConfigError(f"{type(self).__name__} needs a data module: pass datamodule=... to the trainer")
        return data

    @property
    def trainer_settings(self) -> dict[str, Any]:
        """The trainer's settings that decide the result and are not plain, by option (``trainer.max_steps``)."""
        return dict(getattr(self.trainer, "settings", {}))

    def once(self, compute: Callable[[], T]) -> T:
        """Return what is computed into a file, on the first process before the others read it."""
        if self.trainer.is_global_zero:
            compute()
        self.trainer.strategy.barrier("once")
        return compute()

    def show_training_set(self, looks: Grouping | Weighting, gallery: Gallery) -> None:
        """Let a choice look at the training set as a whole, and say what it found, where it judges."""
        self.once(lambda: looks.prepare(gallery))
        if looks.verdict is not None:
            self.tell(looks.verdict.words)

    def facts(self) -> dict[str, Any]:
        """Return what tells the stage from others in TensorBoard's table, beside its arguments."""
        return {"dataset": self.data.name}

    def tell(self, words: str) -> None:
        """Say something of the data, once for all processes."""
        if self.trainer.is_global_zero:
            sys.stderr.write(f"{self.data.name}: {words}\n")

    def warn(self, word: str, told: str) -> None:
        """Note a doubt, for the artefact and all rows that it leads to, and say it, both once."""
        if word not in self.warnings:
            self.warnings = tuple(sorted({*self.warnings, word}))
            if self.trainer.is_global_zero:
                sys.stderr.write(f"warning: {self.stage} {self.title()}: {told}\n")

    def learned_tensors(self) -> dict[str, Tensor]:
        """Return all that is learned, by the names that a line to the user gives it."""
        return {f"layer {name!r}": tensor for name, tensor in self.state_dict().items()}

    def way_out(self) -> str:
        """Return what to try where numbers are not finite."""
        return "lower the learning rate"

    def require_finite(self, tensors: Mapping[str, Tensor] | None = None, advice: str = "") -> None:
        """Refuse what is not finite: all that is learned, if nothing is named.

        Raises:
            NotFiniteError: Names stage, method, step, the tensor, and what to try.
        """
        checked = self.learned_tensors() if tensors is None else tensors
        require_finite(
            checked, f"{self.stage} {self.title()}, after {self.global_step} steps", advice or self.way_out()
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the warnings beside what is learned; subclasses that put more call this too."""
        checkpoint["warnings"] = list(self.warnings)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them back."""
        self.warnings = tuple(sorted({*self.warnings, *checkpoint.get("warnings", ())}))

    def setup(self, stage: str) -> None:
        """Let the trainer stop after :attr:`num_steps` unless it was told otherwise; subclasses call this last."""
        if stage == "fit" and self.trainer.max_steps == -1:
            self.trainer.fit_loop.epoch_loop.max_steps = self.num_steps


class FitModule(StageModule, ABC):
    """Base of the modules of ``fdd fit``: what learns on the real data and serves a later stage.

    A kind of fit is one class with a :attr:`kind`. By that name later stages take its artefact (``--encoder FILE``), a
    recipe sets it below ``fit``, and choices ask for it (``needs_encoder = True``). A kind of your own is found once
    its class is imported: by its class path, or by the entry points ``fdd_lightning.fits``.

    Attributes:
        kind: The flag that takes its artefact, and the key of a recipe below ``fit``.
        help: What the flag takes.
        what: What its readers read, with its article: ``a trained classifier``.
        advice: What to do where it is missing.
        entry: The menu's entry that a recipe takes where it names none; see also :meth:`entry_here`.
        serves: The stages that take its artefact.
        prefix: How its leaves begin in a recipe below ``fit``; the kind and a dot if not said.
        asked_by: The attribute by which choices ask for it; ``needs_KIND`` if not said.

    Example:
        >>> sorted(fit_kinds())[:3]
        ['classifier', 'encoder', 'experts']
    """

    stage: ClassVar[str] = "fit"
    kind: ClassVar[str] = ""
    help: ClassVar[str] = ""
    what: ClassVar[str] = ""
    advice: ClassVar[str] = ""
    entry: ClassVar[str] = ""
    serves: ClassVar[tuple[str, ...]] = ("distill",)
    prefix: ClassVar[str | None] = None
    asked_by: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Say how choices ask for a kind that does not say so itself."""
        super().__init_subclass__(**kwargs)
        if cls.kind and not cls.asked_by:
            cls.asked_by = f"needs_{cls.kind}"

    def next_step(self, artefact: Path) -> str:
        """Return the command of a later stage that takes the artefact."""
        stage = "distill" if "distill" in self.serves else self.serves[-1]
        return f"fdd {stage} --{self.kind} {shlex.quote(str(artefact))}" if self.kind else ""

    @classmethod
    def leaf(cls, key: str = "") -> str:
        """Return how a leaf of its own is called in a recipe below ``fit``."""
        return (f"{cls.kind}." if cls.prefix is None else cls.prefix) + key

    @classmethod
    def entry_here(cls) -> tuple[str, str]:
        """Return the entry that a recipe takes on this machine where it names none, and why if it is another one."""
        return cls.entry, ""

    @classmethod
    def flags(cls) -> dict[str, str]:
        """Return the kinds of fit that serve others."""
        return {kind: fit.help for kind, fit in fit_kinds().items() if "fit" in fit.serves}

    @classmethod
    def spec_of_entry(cls, name: str) -> Spec:
        """Return the spec that an entry of the menu, a file or a class path stands for.

        Raises:
            ConfigError: There is none of that name.
        """
        own = "." in name and not name.endswith(menu.ENDINGS)
        return {"class_path": name} if own else menu.find(cls.menu or cls.kind, name, f"fit.{cls.kind}")

    @classmethod
    def row_settings(cls, model: Spec) -> dict[str, Any]:
        """Return how a spec of it differs from the menu's entry: leaves that stand in the rows, below its kind."""
        seed = (model.get("init_args") or {}).get("seed")
        settings = differences(model, cls.spec_of_entry(cls.entry) if cls.entry else None)
        return below(cls.kind, settings | ({"seed": seed} if seed else {}))

    @classmethod
    def settings_of(cls, path: Path) -> dict[str, Any]:
        """Return what an artefact adds to the settings of the rows that it leads to, by the configuration beside it."""
        file = (path if path.is_dir() else path.parent) / "config.yaml"
        config = (menu.read_yaml(file) or {}) if file.is_file() else {}
        spec = config.get("model")
        require_known(spec, str(file))
        if is_spec(config.get("data")) and may_be_named(config["data"]["class_path"]):
            spec = sized_by_data(config)["model"]
        settings = cls.row_settings(spec) if spec else {}
        return settings | below(cls.kind, decisive(config.get("trainer") or {}))

    @classmethod
    def warnings_of(cls, path: Path) -> Sequence[str]:
        """Return what is doubtful about an artefact, in words."""
        return ()


@cache
def _load_entry_points() -> None:
    for point in entry_points(group="fdd_lightning.fits"):
        point.load()


def fit_kinds() -> dict[str, type[FitModule]]:
    """Return every kind of fit that is known, by its name: those of entry points and of imported classes."""
    _load_entry_points()
    kinds: dict[str, type[FitModule]] = {}
    waiting: list[Any] = [FitModule]
    while waiting:
        cls = waiting.pop(0)
        waiting += cls.__subclasses__()
        if cls.kind:
            kinds.setdefault(cls.kind, cls)
    return kinds
