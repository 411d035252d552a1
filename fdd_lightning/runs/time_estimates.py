"""How long stages take: as remembered from like ones, else by what their images take a network on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache
from json import dumps, loads
from pathlib import Path
from typing import Any

import torch

from fdd_lightning.configuration.choices import build
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import FDDError, FileFormatError
from fdd_lightning.modules.workload import Extent
from fdd_lightning.networks import ConvNet
from fdd_lightning.runs.stage import Stage
from fdd_lightning.training import regime_of
from fdd_lightning.utils.files import fingerprint, read_json, write_json
from fdd_lightning.utils.paths import cache_root
from fdd_lightning.utils.typed_json import misfits

EXTENT = frozenset({"iterations", "steps", "epochs", "preset", "seed", "images_per_class", "count"})
"""Leaves that say how long a stage runs, or which of several like runs it is."""

TRIED = 100
"""Images that a network is timed with."""
LONG_ENOUGH = 0.05
"""Seconds after which a timing ends."""
START = 1.0
"""Seconds of a stage that do not depend on its length: reading, checking, writing, drawing."""


def _key(stage: Stage, data: BaseDataModule) -> str:
    """Return what makes two stages equally fast per step, near enough."""
    model = stage.config["model"]
    arguments = {k: v for k, v in model["init_args"].items() if k not in EXTENT}
    # An epoch of the whole training set is another thing than one of a few images per class.
    kind = [stage.kind, "synthetic" in stage.inputs, data.num_classes, list(data.image_shape)]
    return fingerprint([*kind, model["class_path"], arguments, stage.config["data"]["class_path"]])[:32]


def _per_class(stage: Stage) -> int | None:
    """Return the images per class of the set that an evaluation trains on, if it is a synthetic one."""
    made = stage.inputs.get("synthetic")
    return None if made is None else int(made.config["model"]["init_args"]["images_per_class"])


def _steps(stage: Stage) -> float:
    """Return a number that a stage's time is proportional to."""
    arguments: dict[str, Any] = stage.config["model"]["init_args"]
    if stage.kind != "eval":
        return math.prod(float(arguments.get(key) or 1) for key in ("iterations", "steps", "count", "epochs"))
    return float(regime_of(arguments).num_steps(_per_class(stage) or 1) * arguments["count"])


def _read() -> dict[str, float]:
    file = cache_root() / "rates.json"
    try:
        status = file.stat()
        return _rates(file.resolve(), status.st_size, status.st_mtime_ns)
    except (OSError, FileFormatError):
        return {}


@cache
def _rates(file: Path, size: int, changed: int) -> dict[str, float]:
    rates = read_json(file)
    return {} if any(misfits(rates, dict[str, float], "")) else dict(rates)


def note_rate(stage: Stage, data: BaseDataModule) -> None:
    """Remember how long a finished stage took per step."""
    record = stage.folder.read()
    if record is None or not record.finished:
        return
    try:
        write_json(cache_root() / "rates.json", {**_read(), _key(stage, data): record.seconds / _steps(stage)})
    except OSError:
        return  # an estimate for later is not worth failing for


def estimate(stage: Stage, data: BaseDataModule) -> float | None:
    """Return the seconds that a stage will take, right within a factor of two as a rule; None where nobody can tell.

    That is what like stages took here before. Where none did, it is what the images that it looks at and learns from
    take its network, which is tried for a moment.

    Args:
        stage: The stage.
        data: Its data module, not set up.
    """
    if data.missing is not None:
        return None
    rate = _read().get(_key(stage, data))
    if rate is not None:
        return rate * _steps(stage)
    extent = Extent.of(data, _per_class(stage))
    work = None if extent is None else stage.module.workload(stage.config["model"]["init_args"], extent)
    if extent is None or work is None:
        return None
    if not work.looked_at and not work.learned_from:
        return START
    try:
        looks, learns = _speed(dumps(work.network, sort_keys=True), extent.num_classes, extent.image_shape)
    except (FDDError, RuntimeError):  # a network that cannot be built like this is told when it is needed
        return None
    return START + looks * work.looked_at + learns * work.learned_from


@cache
def _speed(network: str, num_classes: int, image_shape: tuple[int, int, int]) -> tuple[float, float]:
    """Return the seconds that an image takes a network forward, and forward and backward, on this machine's device."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    state = torch.get_rng_state()  # no draw of a run depends on whether its time was estimated
    built = (build(loads(network)) or ConvNet)(num_classes, image_shape).to(device)
    images = torch.randn(TRIED, *image_shape, device=device)
    torch.set_rng_state(state)

    def looks() -> None:
        with torch.no_grad():
            built(images)

    def learns() -> None:
        built(images).square().mean().backward()

    return _seconds(looks, device) / TRIED, _seconds(learns, device) / TRIED


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    """Return the seconds that something takes: the least of several times, which others on the machine disturb least.

    The first time does not count.
    """
    work()
    begun = time.perf_counter()
    times: list[float] = []
    while not times or time.perf_counter() - begun < LONG_ENOUGH:
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)
