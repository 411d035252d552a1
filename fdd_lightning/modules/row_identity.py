"""What makes the row of an evaluation the row it is: its part of the identity in ``results.json``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec, import_class, leaves
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.row_settings import below, differences
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.utils.plain_text import plain

UNNAMED, UNSTATED = "set", "unstated"
"""Method and weighting of a set that does not say them."""

FULL: dict[str, Any] = {"method": "full", "weighting": "vanilla", "ipc": None}
"""What the whole training set stands in a row as."""

OWN_KEYS = frozenset(
    {"preset", "count", "seed", "num_classes", "num_groups", "image_shape", "learner", "network", "metrics"}
)
"""Arguments of the Evaluator that have a key of their own in a row, or change no figure."""


def evaluation_identity(
    spec: Spec, train_on: str, learned: Sequence[str] = (), trainer: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the evaluation's own part of a row's identity.

    Args:
        spec: Class path and arguments of an evaluator; defaults need not be written out.
        train_on: ``synthetic`` or ``real``.
        learned: What comes with the set besides its images: ``lr``, ``soft_labels``.
        trainer: The trainer's settings that decide the result, by option.
    """
    spec = complete(spec)
    evaluator: Any = import_class(spec["class_path"])
    own = {key: value for key, value in spec["init_args"].items() if key not in evaluator.indifferent}
    implied = complete(evaluator.implied(own))
    given = {**own, **{key: value for key, value in implied.items() if own.get(key) is None}}
    plain = {**complete({"class_path": spec["class_path"]})["init_args"], **implied}
    expected = leaves({key: value for key, value in plain.items() if key not in OWN_KEYS})
    settings = leaves({key: value for key, value in given.items() if key not in OWN_KEYS})
    network, learner = given["network"], given["learner"]
    protocol = given["lr"] is None and not learner["init_args"].get("regime")
    cls = import_class(learner["class_path"])
    return {
        "network": network["class_path"].rpartition(".")[2].lower(),
        "train_on": train_on,
        "trainer": getattr(cls, "name", cls.__name__.lower()),
        "preset": given["preset"],
        "eval_networks": given["count"],
        "eval_settings": {
            **{key: value for key, value in settings.items() if key not in expected or expected[key] != value},
            **below("network", differences(network)),
            **below("learner", differences(learner)),
            **({"lr": "learned"} if "lr" in learned and protocol else {}),
            **({"labels": "soft"} if "soft_labels" in learned else {}),
            **trainer,
        },
    }


def identity(
    spec: Spec,
    data: BaseDataModule,
    synthetic: SyntheticSet | None,
    name: str = UNNAMED,
    trainer: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return a row's identity: what was trained on what, and how.

    Args:
        spec: The evaluator's.
        data: The data that it scores on.
        synthetic: The set that it trains on; None for the real training set.
        name: What a set is called that does not say how it was made.
        trainer: The trainer's settings that decide the result, by option.
    """
    made = FULL if synthetic is None else history(synthetic, name)
    return {
        "dataset": data.name,
        "method": made["method"],
        "variant": made.get("variant", "published"),
        "weighting": made["weighting"],
        "ipc": made["ipc"],
        "conflict_ratio": data.conflict_ratio,
        "settings": {**made.get("settings", data.settings), **({} if synthetic is None else _telling(synthetic))},
        "distill_seeds": [made["distill_seed"]] if "distill_seed" in made else [],
        **evaluation_identity(
            spec, "real" if synthetic is None else "synthetic", () if synthetic is None else synthetic.learned, trainer
        ),
    }


def history(synthetic: SyntheticSet, name: str = UNNAMED) -> dict[str, Any]:
    """Return what a set says of how it was made, with words for what it does not say; one without a method is named."""
    said = {key: value for key, value in synthetic.metadata.items() if value is not None}
    return {"method": name, "weighting": UNSTATED, "ipc": images_per_class(synthetic), **said}


def tells_its_method(synthetic: SyntheticSet) -> bool:
    """Tell whether a set says by which method it was made."""
    return synthetic.metadata.get("method") is not None


def images_per_class(synthetic: SyntheticSet) -> int:
    """Return how many images a class has, on average where they are not equally many."""
    return max(1, round(len(synthetic) / len(synthetic.labels.unique())))


def name_of_set(path: Path) -> str:
    """Return what a set is called that does not say its method: as its file is, or its folder if that says more.

    Example:
        >>> name_of_set(Path("made/mine.safetensors")), name_of_set(Path("made/synthetic.safetensors"))
        ('mine', 'made')
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 (links keep their names)
    name = plain(path.parent.name if path.stem == "synthetic" else path.stem) or UNNAMED
    # Rows of that name stand for the method, with the papers' figures beside them.
    return f"{name} {UNNAMED}" if name in ("full", *menu.names("method")) else name


def _telling(synthetic: SyntheticSet) -> dict[str, str]:
    """Return what tells sets from each other that do not say how they were made: their bytes."""
    if tells_its_method(synthetic):
        return {}
    return {"set": synthetic.digest}
