"""Which leaves of a configuration differ from the menu's presets: what tells one variant from another."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fdd_lightning.configuration.choices import Spec, class_path, import_class, is_spec, leaves, spec_of
from fdd_lightning.utils.paths import CONFIGS

OWN_KEYS = frozenset(
    {"num_classes", "num_groups", "image_shape", "images_per_class", "seed", "method", "weighting", "conflict_ratio"}
)
"""Leaves that have a key of their own in a row, or that follow from the data."""


def complete(spec: Any) -> Any:
    """Return a spec with every default of its classes filled in, nested ones too."""
    if isinstance(spec, Mapping) and not is_spec(spec):
        return {key: complete(value) for key, value in spec.items()}
    if not is_spec(spec):
        return spec
    cls = import_class(spec["class_path"])
    given = spec.get("init_args") or {}
    filled: dict[str, Any] = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if name in given:
                filled[name] = complete(given[name])
            elif parameter.default is not parameter.empty:
                filled[name] = complete(spec_of(parameter.default))
    return {"class_path": class_path(cls), "init_args": filled | {k: v for k, v in given.items() if k not in filled}}


@cache
def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.is_file() else None


def preset(kind: str, name: str) -> Spec | None:
    """Return the spec that the menu holds under ``configs/KIND/NAME.yaml``, or None where there is no such file."""
    found = _read(CONFIGS / kind / f"{name}.yaml")
    if isinstance(found, Mapping) and not is_spec(found):
        found = found.get("model") or found.get("data")
    return found if is_spec(found) else None


def weighting_preset(name: str) -> Spec | None:
    """Return the spec that ``configs/weighting/NAME.yaml`` gives to the weighting."""
    found = _read(CONFIGS / "weighting" / f"{name}.yaml")
    try:
        spec = found["model"]["init_args"]["weighting"]
    except (KeyError, TypeError):
        return None
    return spec if is_spec(spec) else None


def differences(actual: Spec, reference: Spec | None) -> dict[str, Any]:
    """Return the leaves of ``actual`` that differ from ``reference``, by dotted key.

    Where another class was chosen, its path is such a leaf, and its arguments are compared with its own defaults.

    Args:
        actual: A class-path spec; defaults need not be written out.
        reference: The preset; None compares with the class's own defaults.
    """
    own, other = complete(actual), complete(reference or {"class_path": actual["class_path"]})
    expected = leaves({**other, "init_args": _counterparts(own["init_args"], other["init_args"])})
    return {
        key: value
        for key, value in leaves(own).items()
        if key not in OWN_KEYS and (key not in expected or expected[key] != value)
    }


def _counterparts(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each of some arguments is compared with."""
    found = dict(other)
    for key, value in own.items():
        if is_spec(value):
            there: Any = other.get(key)
            path = there["class_path"] if is_spec(there) else None
            base = there if path == value["class_path"] else complete({"class_path": value["class_path"]})
            found[key] = {"class_path": path, "init_args": _counterparts(value["init_args"], base["init_args"])}
    return found


def distill_settings(model: Spec, method: str, weighting: str) -> dict[str, Any]:
    """Return how a distiller differs from its method's preset and its weighting from the weighting's."""
    arguments = dict(model.get("init_args") or {})
    own = arguments.pop("weighting", None)
    reference = preset("method", method)
    if reference is not None:
        reference = {**reference, "init_args": {k: v for k, v in reference["init_args"].items() if k != "weighting"}}
    found = differences({"class_path": model["class_path"], "init_args": arguments}, reference)
    found = {key: value for key, value in found.items() if not key.startswith("weighting")}
    if own is not None:
        named = weighting_preset(weighting)
        same = named is not None and named["class_path"] == own["class_path"]
        found |= {f"weighting.{k}": v for k, v in differences(own, named if same else None).items()}
    return found


def encoder_settings(model: Spec) -> dict[str, Any]:
    """Return which of the menu's encoders was trained, if not the paper's, and how it differs from the menu's."""
    name = complete(model)["init_args"].get("preset", "supcon")
    found = {k: v for k, v in differences(model, preset("encoder", name)).items() if k != "preset"}
    return found if name == "supcon" else {"encoder": name, **found}


def experts_settings(model: Spec) -> dict[str, Any]:
    """Return how experts differ from the published ones, below ``experts``; their weighting is told by the set's."""
    found = differences(model, preset("experts", "mtt"))
    found = {f"experts.{k}": v for k, v in found.items() if not k.startswith("weighting")}
    seed = (model.get("init_args") or {}).get("seed")
    return {**found, "experts.seed": seed} if seed else found


def classifier_settings(model: Spec) -> dict[str, Any]:
    """Return which trainer made a classifier that serves `distill`, and how it differs from the menu's."""
    arguments = dict(complete(model)["init_args"])
    learner = arguments.pop("learner")
    told = {k.removeprefix("learner."): v for k, v in trainer_settings(learner).items()}
    own = differences({"class_path": model["class_path"], "init_args": arguments}, None)
    found = {**{k: v for k, v in own.items() if not k.startswith("learner")}, **told}
    name = getattr(import_class(learner["class_path"]), "name", learner["class_path"])
    seed = (model.get("init_args") or {}).get("seed")
    return {"classifier": name, **{f"classifier.{k}": v for k, v in (found | ({"seed": seed} if seed else {})).items()}}


def trainer_settings(learner: Spec) -> dict[str, Any]:
    """Return how a trainer differs from the menu's entry of its name, or from its class, below ``learner``."""
    cls = import_class(learner["class_path"])
    named = preset("trainer", getattr(cls, "name", ""))
    same = named is not None and import_class(named["class_path"]) is cls
    return {f"learner.{k}": v for k, v in differences(learner, named if same else None).items()}


def data_settings(spec: Spec, name: str) -> dict[str, Any]:
    """Return how a data module differs from the menu's entry of its name, but for where and how it is read."""
    how = {"root", "batch_size", "download", "validation", "construction"}
    own = spec.get("init_args") or {}
    found = {k: v for k, v in differences(spec, preset("data", name)).items() if k not in how}
    if own.get("seed"):
        found["seed"] = own["seed"]
    return found
