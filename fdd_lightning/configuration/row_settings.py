"""Which leaves of a configuration differ from the menu's entries: what tells one variant from another in the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import Spec, import_class, is_spec, leaves
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.settled import plain_choices
from fdd_lightning.configuration.sizes import SMALL, sized

OWN_KEYS = frozenset(
    {"num_classes", "num_groups", "image_shape", "images_per_class", "seed"}
    | {"method", "variant", "weighting", "conflict_ratio"}
)
"""Leaves that have a key of their own in a row, or that follow from the data."""


def preset(kind: str, name: str) -> Spec | None:
    """Return the menu's spec of a name as it is on small images, or None where there is none."""
    return sized(menu.find(kind, name), lambda: SMALL) if menu.file_of(kind, name) else None


def reference(spec: Spec, name: str = "") -> Spec:
    """Return the spec of the same class that one is compared with: the menu's, or the class's own defaults.

    Its class says in which folder of the menu it is, if in any, and its name there where none is given.
    """
    cls = import_class(spec["class_path"])
    kind, name = getattr(cls, "menu", ""), name or getattr(cls, "name", cls.__name__.lower())
    entries = _entries(kind, name) if kind else iter(())
    same = (entry for entry in entries if entry is not None and import_class(entry["class_path"]) is cls)
    return next(same, {"class_path": spec["class_path"]})


def _entries(kind: str, first: str) -> Iterator[Spec | None]:
    """Yield the menu's entries of a kind, one before all others; most look no further."""
    yield preset(kind, first)
    for name in menu.names(kind):
        yield preset(kind, name)


def differences(actual: Spec, expected: Spec | None = None) -> dict[str, Any]:
    """Return the leaves of a spec that differ from those of another, by dotted key.

    Where another class was chosen, its path is such a leaf, and its arguments are compared with its own defaults.

    Args:
        actual: A class-path spec; defaults need not be written out.
        expected: What it is compared with; by default see :func:`reference`.

    Example:
        >>> differences({"class_path": "fdd_lightning.networks.ConvNet", "init_args": {"width": 32}})
        {'width': 32}
    """
    own, other = (sized(complete(spec), lambda: SMALL) for spec in (actual, expected or reference(actual)))
    wanted = leaves({**other, "init_args": _counterparts(own["init_args"], other["init_args"])})
    plain = plain_choices(own["class_path"])
    return {
        key: value
        for key, value in leaves(own).items()
        if key not in OWN_KEYS and (key not in wanted or wanted[key] != value) and value not in plain.get(key, ())
    }


def _counterparts(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each of some arguments is compared with."""
    counterparts = dict(other)
    for key, value in own.items():
        if is_spec(value):
            there: Any = other.get(key)
            path = there["class_path"] if is_spec(there) else None
            plain = sized(complete({"class_path": value["class_path"]}), lambda: SMALL)
            base = there if path == value["class_path"] else plain
            counterparts[key] = {"class_path": path, "init_args": _counterparts(value["init_args"], base["init_args"])}
    return counterparts


def below(prefix: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with a prefix before their keys."""
    return {f"{prefix}.{key}": value for key, value in settings.items()}


def distill_settings(model: Spec, method: str, weighting: str) -> dict[str, Any]:
    """Return how a distiller's spec differs from its method's preset, and its weighting from the menu's."""
    variant = (model.get("init_args") or {}).get("variant", "published")
    entry = method if variant == "published" else f"{method}_{variant}"
    expected = preset("method", entry) or preset("method", method) or {"class_path": model["class_path"]}
    settings = {k: v for k, v in differences(model, expected).items() if k.partition(".")[0] != "weighting"}
    chosen = complete(model)["init_args"].get("weighting")
    return settings | (below("weighting", differences(chosen, reference(chosen, weighting))) if chosen else {})
