"""Arguments left to us (``auto``): settled before a stage begins, and part of its configuration from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, cast

import torch

from fdd_lightning.configuration.choices import Spec, build, import_class
from fdd_lightning.configuration.sizes import sized_by_data
from fdd_lightning.errors import FDDError

AUTO = "auto"


def settled_by_data(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage's configuration with its model sized for its images, and with nothing left open.

    A class names its open arguments by ``open_choices`` and settles them by a class method ``settle``.
    """
    config = _in_words(sized_by_data(config))
    model, left = config["model"], left_open(config["model"])
    if not left:
        return config
    data, cls = build(config["data"])(), cast(Any, import_class(model["class_path"]))
    try:
        facts = data.num_classes, data.image_shape
    except FDDError:  # they are missing, which is said where they are read
        return config
    found: dict[str, Any] = cls.settle(model["init_args"], *facts, device_of(config["trainer"]))
    return _with(config, {key: found[key] for key in left})


def settled_as_before(
    asked: Mapping[str, Any],
    settled: Mapping[str, Any],
    known: str | None,
    fingerprint: Callable[[Mapping[str, Any]], str],
) -> Mapping[str, Any]:
    """Return a settled configuration, or, where only another way to settle it is known, that one.

    So work that was begun on other hardware goes on as it was begun.

    Args:
        asked: The configuration before it was settled.
        settled: As it is settled here.
        known: The fingerprint of the work that the output folder holds; None where it holds none.
        fingerprint: Returns that of a configuration.
    """
    left = left_open(asked["model"])
    if not left or known is None or fingerprint(settled) == known:
        return settled
    return next((other for other in _others(settled, left) if fingerprint(other) == known), settled)


def _in_words(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with ``on`` and ``off`` where YAML has made true and false of them."""
    given = config["model"]["init_args"]
    keys = open_choices(config["model"]["class_path"])
    return _with(config, {key: "on" if given[key] else "off" for key in keys if isinstance(given.get(key), bool)})


def open_choices(class_path: str) -> Mapping[str, tuple[str, ...]]:
    """Return the arguments of a class that may be left to us, and what each can be settled as; the plain one first."""
    found: Mapping[str, tuple[str, ...]] = getattr(import_class(class_path), "open_choices", {})
    return found


def left_open(model: Spec) -> dict[str, tuple[str, ...]]:
    """Return the arguments of a model that are left to us, and what each can be settled as."""
    choices = open_choices(model["class_path"])
    return {key: values for key, values in choices.items() if model["init_args"].get(key) == AUTO}


def plain_choices(class_path: str) -> dict[str, tuple[str, ...]]:
    """Return the values of a class's open arguments that leave its results as they are: ``auto``, and the plain one."""
    return {key: (AUTO, values[0]) for key, values in open_choices(class_path).items()}


def device_of(trainer: Mapping[str, Any]) -> str:
    """Return the kind of device that a trainer's settings come to: ``cpu``, ``cuda``, ..."""
    accelerator = trainer.get("accelerator")
    if accelerator in ("auto", "gpu", "cuda", None):
        return "cuda" if torch.cuda.is_available() else "cpu"
    return str(accelerator)


def _others(settled: Mapping[str, Any], left: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    for values in product(*left.values()):
        yield _with(settled, dict(zip(left, values, strict=True)))


def _with(config: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    model = config["model"]
    return {**config, "model": {**model, "init_args": {**model["init_args"], **arguments}}}
