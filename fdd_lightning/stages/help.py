"""What ``fdd STAGE --help`` says: what people set comes first, the Trainer's own options where they are asked for."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from jsonargparse import DefaultHelpFormatter

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec, import_class
from fdd_lightning.configuration.defaults import IMPORTED, parameters
from fdd_lightning.errors import FDDError
from fdd_lightning.stages.parser import STAGES, add_files, add_trainer, settled
from fdd_lightning.stages.refusal import FDDParser, worded
from fdd_lightning.trainer import hushed

SUMMARIES = {
    "fit": "Train on the real data what a later stage takes: a bias encoder, MTT's experts, a classifier.",
    "distill": "Distil a data set into a few synthetic images per class, or select real ones.",
    "eval": "Train fresh networks on a set, synthetic or real, and score them on the real test set.",
}
EXAMPLES = {
    "fit": ["fdd fit --data colored_digits --model supcon_small --output runs/encoder"],
    "distill": [
        "fdd distill --data colored_digits --model dm --model.weighting fairdd --output runs/dm",
        "fdd distill --encoder runs/encoder/encoder.safetensors --model.weighting kde --model.iterations 2000",
    ],
    "eval": [
        "fdd eval --synthetic runs/dm/synthetic.safetensors --output runs/eval",
        "fdd eval --data colored_digits --model.preset quick",
    ],
}
TOP = "[--model NAME] [--data NAME] [--output DIR] [--config FILE]"
MANY = "[--model.ARGUMENT VALUE ...] [--data.ARGUMENT VALUE ...] [--trainer.ARGUMENT VALUE ...]"


class _Short(DefaultHelpFormatter):
    """Leaves out what repeats the types of the code: class paths, and defaults of defaults."""

    def _expand_help(self, action: argparse.Action) -> str:
        text = super()._expand_help(action)
        text = re.sub(r",\s+known\s+subclasses:.*?(?=\)$)", "", text, flags=re.DOTALL)
        text = re.sub(r"default: \{'class_path': '(?:\w+\.)*(\w+)'.*\}", r"default: \1", text, flags=re.DOTALL)
        return re.sub(r"<class '(\w+)'>", r"\1", text)


def stage_help(stage: str, args: Sequence[str]) -> str:
    """Return the help of a stage, as it is with these arguments: the options of another model or data set say.

    Raises:
        ConfigError: A class, an option or an entry of the menu does not exist.
    """
    with hushed(), worded(stage):
        given = settled(stage, args)
        base, _, facts = STAGES[stage]
        files = _section()
        add_files(files, stage)
        files.add_argument(
            "--ckpt_path",
            type=str | None,
            default=None,
            help="checkpoint of this very run to go on from; its settings win over those given here (the same command "
            "resumes by itself)",
        )
        parts = [
            _wrapped(f"usage: fdd {stage} {TOP} {' '.join(f'[--{flag} FILE]' for flag in base.flags())} {MANY}", 7),
            _wrapped(SUMMARIES[stage]),
            _titled("files and folders:", files),
            *_choice("model", given.specs["model"], base, facts),
            *_choice("data", given.specs["data"], IMPORTED.named(given.specs["data"]["class_path"]), ()),
            _titled("more:", _more()),
            "\n".join(["example:", *(f"  {line}" for line in EXAMPLES[stage])]),
        ]
    return "\n\n".join(parts) + "\n"


def trainer_help() -> str:
    """Return the help of the options that every stage hands on to Lightning's Trainer."""
    parser = FDDParser(usage=argparse.SUPPRESS, add_help=False, description="Lightning's Trainer, in every stage")
    add_trainer(parser)
    return str(parser.format_help())


def _section(**arguments: Any) -> FDDParser:
    return FDDParser(usage=argparse.SUPPRESS, add_help=False, formatter_class=_Short, **arguments)


def _choice(section: str, spec: Spec, base: Any, linked: Sequence[str]) -> list[str]:
    """Return what can be chosen for a section, and the arguments of what is: those that all of its kind have first."""
    cls: Any = import_class(spec["class_path"])
    folders = {IMPORTED.menu(each) for each in (base, *IMPORTED.below(base))} - {""}
    names = sorted(name for each in folders or {section} for name in menu.names(each) if _is_one(base, each, name))
    may_be = f"{_one_of(names)}, a YAML file, or a class path" if names else "a class path"
    common = [name for name in parameters(base) if name in parameters(cls) and name not in linked]
    others = [name for name in parameters(cls) if name not in common and name not in linked]
    parts = [_arguments(section, cls, group, spec["init_args"]) for group in (common, others) if group]
    return ["\n".join([_wrapped(f"--{section} NAME (here {cls.__name__}). NAME is {may_be}."), *parts])]


def _is_one(base: Any, folder: str, name: str) -> bool:
    """Tell whether an entry of the menu is of a kind; one with a mistake is none, which is said when it is named."""
    if folder == "data":
        return True
    try:
        return issubclass(import_class(menu.find(folder, name)["class_path"]), base)
    except FDDError:
        return False


def _one_of(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}"


def _arguments(section: str, cls: Any, wanted: Sequence[str], values: Mapping[str, Any]) -> str:
    """Return the help of some arguments of a class, with their values as defaults."""
    parser = _section()
    skip = {name for name in parameters(cls) if name not in wanted}
    parser.add_class_arguments(cls, section, as_group=False, fail_untyped=False, skip=skip)
    parser.set_defaults({f"{section}.{name}": values[name] for name in wanted if name in values})
    classes = IMPORTED.arguments(cls)
    for action in parser._actions:
        if any(option.endswith(".help") for option in action.option_strings):
            action.help = argparse.SUPPRESS  # told once, at the end
            continue
        choices = [name for each in classes.get(action.dest.rpartition(".")[2], ([], None))[0] for name in _names(each)]
        if len(choices) > 1:
            action.help = f"{action.help or ''} O{_one_of(choices)[1:]}.".strip()
    return _options(parser)


def _names(base: type) -> list[str]:
    """Return by which names something of a kind is chosen: those of the menu, or bare names of classes of ours."""
    folder = IMPORTED.menu(base)
    if folder:
        return menu.names(folder)
    ours = [cls for cls in IMPORTED.below(base) if cls.__module__.startswith("fdd_lightning.")]
    return [cls.__name__ for cls in ours if not IMPORTED.is_abstract(cls)]


def _more() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(usage=argparse.SUPPRESS, add_help=False)
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="settings from a YAML file; several are merged, the last wins"
    )
    parser.add_argument("--print_config", action="store_true", help="print the whole configuration and end")
    parser.add_argument(
        "--model.help",
        metavar="CLASS",
        help="the arguments of another class; likewise --data.help and, of a choice, --model.ARGUMENT.help",
    )
    parser.add_argument(
        "--trainer.help",
        action="store_true",
        help="the options of Lightning's Trainer: devices, precision, time, callbacks, loggers",
    )
    parser.add_argument(
        "-h",
        "--help",
        action="store_true",
        help="this help; after --model NAME and --data NAME with the arguments of these",
    )
    return parser


def _titled(title: str, parser: argparse.ArgumentParser) -> str:
    return f"{title}\n{_options(parser)}".rstrip()


def _options(parser: argparse.ArgumentParser) -> str:
    """Return the options of a parser, without its description."""
    return parser.format_help().partition("options:\n")[2].rstrip()


def _wrapped(text: str, indent: int = 0) -> str:
    width = shutil.get_terminal_size().columns - 2
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
