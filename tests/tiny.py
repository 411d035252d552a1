"""Stages that take a second, as arguments and as files."""

from __future__ import annotations

from pathlib import Path

import yaml

QUIET = ("--trainer.logger=false", "--trainer.accelerator=cpu", "--trainer.devices=1")
DISTILL = ("distill", "--model.surrogate.network.width=4", "--model.iterations=3", "--model.images_per_class=1", *QUIET)
SELECT = ("distill", "--model=Selection", "--model.images_per_class=1", *QUIET)
FIT = (
    "fit",
    "--model.network=ConvNet",
    "--model.network.width=4",
    "--model.hidden=8",
    "--model.dimension=4",
    "--model.steps=3",
    *QUIET,
)
EVAL = ("eval", "--model.network.width=4", "--model.network.depth=2", "--model.count=2", "--model.epochs=2", *QUIET)

RECIPE = {
    "name": "tiny",
    "data": "colored_digits",
    "methods": ["dm"],
    "weightings": ["vanilla"],
    "ipcs": [1],
    "fit": {"encoder": "supcon_small", "steps": 2, "network.width": 4},
    "distill": {"iterations": 2, "surrogate.network.width": 4},
    "eval": {"count": 2, "epochs": 2, "networks": [{"name": "convnet", "width": 4, "depth": 2}]},
}


def write_recipe(path: Path, **changes: object) -> Path:
    """Write the recipe with some keys replaced (left out where None) and return its path."""
    content = {key: value for key, value in {**RECIPE, **changes}.items() if value is not None}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
