"""What makes the row of an evaluation the row it is: its part of the identity in ``results.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.configuration.choices import Spec, import_class, leaves
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.row_settings import below, differences
from fdd_lightning.datamodules import BaseDataModule

OWN_KEYS = frozenset(
    {"preset", "count", "seed", "num_classes", "num_groups", "image_shape", "learner", "network", "metrics"}
)
"""Arguments of the Evaluator that have a key of their own in a row, or change no figure."""


def evaluation_identity(spec: Spec, train_on: str, learned: Sequence[str] = ()) -> dict[str, Any]:
    """Return the evaluation's own part of a row's identity.

    Args:
        spec: Class path and arguments of an evaluator; defaults need not be written out.
        train_on: ``synthetic`` or ``real``.
        learned: What comes with the set besides its images: ``lr``, ``soft_labels``.
    """
    spec = complete(spec)
    evaluator: Any = import_class(spec["class_path"])
    own = spec["init_args"]
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
        },
    }


def identity(spec: Spec, data: BaseDataModule, synthetic: SyntheticSet | None) -> dict[str, Any]:
    """Return a row's identity: what was trained on what, and how.

    Args:
        spec: The evaluator's.
        data: The data that it scores on.
        synthetic: The set that it trains on; None for the real training set.
    """
    made = synthetic.metadata if synthetic is not None else {}
    return {
        "dataset": data.name,
        "method": made.get("method", "full" if synthetic is None else "unknown"),
        "variant": made.get("variant", "published"),
        "weighting": made.get("weighting", "vanilla"),
        "ipc": made.get("ipc"),
        "conflict_ratio": data.conflict_ratio,
        "settings": made.get("settings", data.settings),
        "distill_seeds": [made["distill_seed"]] if "distill_seed" in made else [],
        **evaluation_identity(
            spec, "real" if synthetic is None else "synthetic", () if synthetic is None else synthetic.learned
        ),
    }
