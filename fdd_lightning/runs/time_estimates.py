"""How long stages take: seconds per step, remembered for the next plan."""

from __future__ import annotations

import math
from typing import Any

from fdd_lightning.errors import FileFormatError
from fdd_lightning.runs.stage import Stage
from fdd_lightning.training import regime_of
from fdd_lightning.utils.files import fingerprint, read_json, write_json
from fdd_lightning.utils.paths import cache_root

EXTENT = frozenset({"iterations", "steps", "epochs", "preset", "seed", "images_per_class", "count"})
"""Leaves that say how long a stage runs, or which of several like runs it is."""


def _key(stage: Stage) -> str:
    """Return what makes two stages equally fast per step, near enough."""
    model = stage.config["model"]
    arguments = {k: v for k, v in model["init_args"].items() if k not in EXTENT}
    # An epoch of the whole training set is another thing than one of a few images per class.
    kind = [stage.kind, "synthetic" in stage.inputs]
    return fingerprint([*kind, model["class_path"], arguments, stage.config["data"]["class_path"]])[:32]


def _steps(stage: Stage) -> float:
    """Return a number that a stage's time is proportional to."""
    arguments: dict[str, Any] = stage.config["model"]["init_args"]
    if stage.kind != "eval":
        return math.prod(float(arguments.get(key) or 1) for key in ("iterations", "steps", "count", "epochs"))
    made = stage.inputs.get("synthetic")
    per_class = made.config["model"]["init_args"]["images_per_class"] if made else 1
    return float(regime_of(arguments).num_steps(per_class) * arguments["count"])


def _read() -> dict[str, float]:
    try:
        return dict(read_json(cache_root() / "rates.json"))
    except (OSError, FileFormatError):
        return {}


def note_rate(stage: Stage) -> None:
    """Remember how long a finished stage took per step."""
    record = stage.folder.read()
    if record is None or not record.finished:
        return
    try:
        write_json(cache_root() / "rates.json", {**_read(), _key(stage): record.seconds / _steps(stage)})
    except OSError:
        return  # an estimate for later is not worth failing for


def estimate(stage: Stage) -> float | None:
    """Return the seconds that a stage will take, or None where no like stage was run before."""
    rate = _read().get(_key(stage))
    return None if rate is None else rate * _steps(stage)
