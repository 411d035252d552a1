"""Arguments that follow from the size of the images where nobody names them, as the depth of a ConvNet does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fdd_lightning.configuration.choices import build, import_class, is_spec

Shape = tuple[int, int, int]

SMALL: Shape = (3, 32, 32)
"""What the menu's entries are for: rows tell in what they differ from those on such images."""


def sized(spec: Any, shape: Callable[[], Shape]) -> Any:
    """Return a spec, or what holds specs, with such arguments filled in where they stand as null.

    A class says them by a class method ``by_size``, which takes the images' shape. What is written of a network
    (fingerprints, artefacts, rows) has them filled in.

    Args:
        spec: Specs at any depth; everything else is returned as it is.
        shape: Gives (C, H, W); asked only where it is needed.

    Example:
        >>> network = {"class_path": "fdd_lightning.networks.ConvNet", "init_args": {"depth": None}}
        >>> sized(network, lambda: (3, 128, 128))["init_args"]
        {'depth': 5}
    """
    if is_spec(spec) and None in (spec.get("init_args") or {}).values():
        by_size = getattr(import_class(spec["class_path"]), "by_size", None)
        found = by_size(shape()) if by_size else {}
        own = {key: found.get(key) if value is None else value for key, value in spec["init_args"].items()}
        spec = {**spec, "init_args": own}
    if isinstance(spec, Mapping):
        return {key: sized(value, shape) for key, value in spec.items()}
    return [sized(value, shape) for value in spec] if isinstance(spec, list | tuple) else spec


def sized_by_data(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage's configuration with its model sized for the images of its data set."""
    return {**config, "model": sized(config["model"], lambda: build(config["data"])().image_shape)}
