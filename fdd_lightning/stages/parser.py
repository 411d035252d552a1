"""The parsers of ``fdd fit``, ``fdd distill`` and ``fdd eval``, by LightningCLI."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import yaml
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI

import fdd_lightning.algorithms
import fdd_lightning.augment
import fdd_lightning.datamodules
import fdd_lightning.matching.selectors
import fdd_lightning.networks  # noqa: F401 (imported, so that their classes can be named without a path)
from fdd_lightning.artefacts.checkpoint import read_checkpoint
from fdd_lightning.configuration.arguments import SECTIONS, read
from fdd_lightning.configuration.choices import class_path, import_class, leaves
from fdd_lightning.configuration.defaults import IMPORTED
from fdd_lightning.configuration.named_by_files import require_known
from fdd_lightning.configuration.settled import AUTO
from fdd_lightning.datamodules import BaseDataModule, ColoredDigits
from fdd_lightning.datamodules.named import spec_of_set
from fdd_lightning.errors import ConfigError
from fdd_lightning.modules.base import FitModule, StageModule
from fdd_lightning.modules.base_distiller import BaseDistiller
from fdd_lightning.modules.classifier import Classifier  # noqa: F401
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.experts import Experts  # noqa: F401
from fdd_lightning.modules.selection import Selection  # noqa: F401
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.modules.trajectory_matching import TrajectoryMatching  # noqa: F401
from fdd_lightning.stages import settling
from fdd_lightning.stages.buildable import require_moderate
from fdd_lightning.stages.loggers import with_folder
from fdd_lightning.stages.parts import NoParts, checked
from fdd_lightning.stages.refusal import FDDParser, Refusal, worded
from fdd_lightning.stages.settling import Settled, StageKind
from fdd_lightning.trainer import FDDTrainer, hushed

STAGES: dict[str, tuple[type[StageModule], type[StageModule], tuple[str, ...]]] = {
    "fit": (FitModule, SupCon, ("num_classes", "num_groups", "image_shape")),
    "distill": (BaseDistiller, Distiller, ("num_classes", "image_shape")),
    "eval": (Evaluator, Evaluator, ("num_classes", "num_groups", "image_shape")),
}
"""Base class of each stage's model, its default, and the facts that it takes from the data."""

MAIN_PARSER = {"prog": "fdd", "description": "fair dataset distillation"}


def stage_kind(stage: str) -> StageKind:
    """Return what is known of a kind of stage, by the classes that are imported."""
    base, default, facts = STAGES[stage]
    return StageKind(
        name=stage,
        base=base,
        default=default.__name__,
        data=BaseDataModule,
        default_data=ColoredDigits.__name__,
        facts=facts,
        flags=base.flags(),
        classes=IMPORTED,
        is_below=issubclass,
        implied=lambda cls, given: dict(cls.implied(given)),
        data_of_set=spec_of_set,
    )


def add_trainer(parser: LightningArgumentParser) -> None:
    """Add the options of Lightning's Trainer to a parser."""
    parser.add_lightning_class_args(FDDTrainer, "trainer")
    parser.set_defaults({"trainer.max_epochs": -1, "trainer.enable_model_summary": False})
    parser.set_defaults({"trainer.log_every_n_steps": 10})


def add_files(parser: LightningArgumentParser, stage: str) -> None:
    """Add the flags by which stages hand each other files."""
    folder = "folder of the stage: checkpoints, logs, artefact"
    parser.add_argument("--output", type=str, default=default_output(stage), help=folder)
    for flag, what in STAGES[stage][0].flags().items():
        parser.add_argument(f"--{flag}", type=str | None, default=None, help=what)


def settled(stage: str, args: Sequence[str]) -> Settled:
    """Return the arguments of a stage with model and data as whole specs, every default of their classes filled in.

    Raises:
        ConfigError: A class, an option or an entry of the menu does not exist.
    """
    arguments = read(args)
    folder = arguments.values.get("output") or default_output(stage)
    arguments.others = with_folder(arguments.others, str(folder))
    return settling.settled(stage_kind(stage), arguments)


def default_output(stage: str) -> str:
    """Return the output folder of a stage that names none."""
    return f"runs/{stage}"


class StageParser(LightningCLI):
    """The parser of one stage, to look at configurations without building anything.

    Args:
        stage: The subcommand; only its parser is built.

    Attributes:
        model_is_given: Whether the user gave some of the model's arguments.

    Example:
        >>> StageParser("eval").resolve(settled("eval", ["--model.preset=quick"]).words())["output"]
        'runs/eval'
    """

    model_is_given: bool = False

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.trainer_class = FDDTrainer
        self.parser_class = FDDParser
        self.seed_everything_default = 0
        self.auto_configure_optimizers = False
        self.setup_parser(True, MAIN_PARSER, {})

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Return the stage and the arguments of its method that are no options."""
        return {self.stage: {"model", "datamodule", "train_dataloaders", "val_dataloaders", "weights_only"}}

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add trainer, model and data, with the stage's own base classes and defaults."""
        add_trainer(parser)
        parser.add_lightning_class_args(STAGES[self.stage][0], "model", subclass_mode=True)
        parser.add_lightning_class_args(BaseDataModule, "data", subclass_mode=True)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the flags by which stages hand each other files, and the links from data to model."""
        add_files(parser, self.stage)
        for name in STAGES[self.stage][2]:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse what :func:`settled` gives; a checkpoint, which brings its settings with it, must be of this stage."""
        self.config = parser.parse_args(cast(list[str], args))
        path = self.options["ckpt_path"]
        if path is None:
            return
        settings = read_checkpoint(path)["hyper_parameters"]
        made_by = settings.get("_class_path")
        require_known({"class_path": made_by or class_path(STAGES[self.stage][0]), "init_args": settings}, str(path))
        if made_by is not None and not issubclass(import_class(made_by), STAGES[self.stage][0]):
            raise ConfigError(
                f"{path} is a checkpoint of {made_by.rpartition('.')[2]}, which is not for `fdd {self.stage}`: name "
                "one of this very run, or leave it out (the same command resumes by itself)"
            )

    def _parse_ckpt_path(self) -> None:
        """Take a checkpoint's settings, and say which options they overrule, where some were given."""
        before = leaves(self.resolved()["model"]) if self.options["ckpt_path"] and self.model_is_given else {}
        super()._parse_ckpt_path()
        after = leaves(self.resolved()["model"]) if before else {}
        told = [
            f"--model.{key.replace('init_args.', '')}={after[key]}"
            for key in after
            if before.get(key) not in (AUTO, after[key])
        ]
        if told:
            said = ", ".join(told[:5]) + (f" and {len(told) - 5} more" if len(told) > 5 else "")
            sys.stderr.write(f"note: the settings in {self.options['ckpt_path']} overrule those given: {said}\n")

    @property
    def flags(self) -> dict[str, str]:
        """Input files and folders, as top-level flags, and what each is."""
        return STAGES[self.stage][0].flags()

    @property
    def options(self) -> Any:
        """The stage's own part of the configuration."""
        return self.config[self.stage]

    def resolved(self) -> dict[str, Any]:
        """Return the whole configuration of the stage as plain values, without what the data decide."""
        # By place: nulls stay in; jsonargparse 4.49 renamed the argument that says so.
        dumped = yaml.safe_load(self.parser.dump(self.config, "yaml", False, skip_validation=True))
        require_moderate(dumped[self.stage], "")
        return dict(dumped[self.stage])

    def resolve(self, words: list[str]) -> dict[str, Any]:
        """Return the whole configuration that settled arguments lead to."""
        self.parse_arguments(self.parser, cast(ArgsType, [self.stage, *words]))
        return self.resolved()


@cache
def _stage_parser(stage: str, flags: tuple[str, ...]) -> StageParser:
    """Return the parser of a stage, built once for the input files that are known: that takes longer than parsing."""
    return StageParser(stage)


@cache
def _around(stage: str, flags: tuple[str, ...], others: tuple[str, ...]) -> str:
    """Return what a stage's parser makes of all but model and data, as JSON."""
    config = _stage_parser(stage, flags).resolve([*settled(stage, []).words(), *others])
    return json.dumps({key: value for key, value in config.items() if key not in SECTIONS})


def _by_parts(stage: str, flags: tuple[str, ...], given: Settled) -> dict[str, Any]:
    """Return a stage's whole configuration, its parts checked one by one."""
    base, _, facts = STAGES[stage]
    around = json.loads(_around(stage, flags, given.others))
    if around["ckpt_path"] is not None:
        raise NoParts("a checkpoint brings its settings with it")
    config = {
        **around,
        "model": checked(given.specs["model"], (base,), facts),
        "data": checked(given.specs["data"], (BaseDataModule,)),
    }
    require_moderate(config, "")
    return config


def resolve(stage: str, args: list[str]) -> dict[str, Any]:
    """Return a stage's whole configuration as plain values; nothing is built.

    Raises:
        FDDError: The arguments do not fit the stage.
    """
    with hushed(), worded(stage):
        given, flags = settled(stage, args), tuple(STAGES[stage][0].flags())
        try:
            return _by_parts(stage, flags, given)
        except (NoParts, Refusal):  # what is wrong, and whether anything is, the whole parser knows
            return _stage_parser(stage, flags).resolve(given.words())
