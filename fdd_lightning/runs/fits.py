"""What `fdd fit` makes for later stages of a recipe: where its entries stand, and the arguments that they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.paths import find_config


@dataclass(frozen=True)
class Fit:
    """One kind of fit, named by the flag that takes its artefact.

    Attributes:
        menu: Folder of the menu that its entries are in.
        entry: The entry taken where a recipe names none.
        prefix: How its leaves begin below ``fit``; an encoder's have no prefix.
        learner: Its entries are learners of a classifier, not whole configurations.
    """

    menu: str
    entry: str
    prefix: str
    learner: bool = False


FITS = {
    "encoder": Fit("encoder", "supcon", ""),
    "experts": Fit("experts", "mtt", "experts."),
    "classifier": Fit("trainer", "selecmix", "classifier.", learner=True),
}


def flag_of(key: str) -> str:
    """Return the kind of fit that a leaf below ``fit`` belongs to."""
    named = (flag for flag, fit in FITS.items() if key == flag or (fit.prefix and key.startswith(fit.prefix)))
    return next(named, "encoder")


def fit_leaves(flag: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the menu's entry of a kind of fit, and its leaves."""
    fit = FITS[flag]
    own = {k: v for k, v in given.items() if flag_of(k) == flag and k != flag}
    return str(given.get(flag, fit.entry)), {k.removeprefix(fit.prefix): v for k, v in own.items()}


def entry_args(flag: str, name: str) -> tuple[list[str], Path]:
    """Return the arguments that choose an entry of the menu, and its file.

    Raises:
        ConfigError: There is none of that name.
    """
    fit = FITS[flag]
    file = find_config(f"{fit.menu}/{name}")
    if not file.is_file():
        raise ConfigError(f"fit.{flag} {name!r} is not in configs/{fit.menu}")
    if fit.learner:
        return ["--model=Classifier", f"--model.learner={file}"], file
    return ["--config", str(file)], file
