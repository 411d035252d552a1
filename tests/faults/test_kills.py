"""Killed at any time, any number of times: the same command goes on, and ends as if nothing had happened.

``FDD_KILLS=60`` (or ``python -m tests.faults --long``) tries more of them. The number of a test is its seed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.fakes_folder import write_class_folders
from tests.processes import Process
from tests.test_resume import LONG
from tests.tiny import QUIET, write_recipe

KILLS = int(os.environ.get("FDD_KILLS", "10"))
EXPERTS = ("fit", "--model=Experts", "--model.network.width=4", "--model.count=3", "--model.epochs=2", *QUIET)
COMMANDS = {
    **{stage: [*args, "--output=out"] for stage, args in LONG.items()},
    "experts": [*EXPERTS, "--output=out"],
    "run": ["run", "r.yaml", "--output=out"],
    "prepare": ["data", "prepare", "folder", "--data.path=photos", "--data.size=48"],
}
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


class Undisturbed(NamedTuple):
    """What a command leaves when nobody disturbs it, and how long it takes."""

    left: dict[str, Any]
    seconds: float


def left(folder: Path) -> dict[str, Any]:
    """Return all that a command leaves whose bytes are said to be the same each time."""
    files = {*folder.rglob("*.safetensors"), *folder.rglob("*.npy"), *folder.rglob("manifest.json")}
    found: dict[str, Any] = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    for path in folder.glob("results.json"):
        rows = json.loads(path.read_text())["rows"]
        found[path.name] = [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
    assert found
    return found


def start(name: str, log: Path) -> Process:
    """Begin a command; sets of images are built into the output folder."""
    place = {"FDD_CACHE": str(Path("out").absolute())} if name == "prepare" else {}
    return Process(COMMANDS[name], log, environment=place)


@pytest.fixture
def inputs(workdir: Path) -> None:
    """What the commands read."""
    write_class_folders(Path("photos"), count=60)
    recipe = {"distill": {"iterations": 8, "surrogate.network.width": 4}, "methods": ["random", "dm"]}
    write_recipe(Path("r.yaml"), **recipe)


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Undisturbed]:
    """What was found of each command."""
    return {}


@pytest.mark.parametrize("seed", range(KILLS))
def test_kills(seed: int, inputs: None, undisturbed: dict[str, Undisturbed], tmp_path: Path) -> None:
    draws = random.Random(seed)
    name = list(COMMANDS)[seed % len(COMMANDS)]
    if name not in undisturbed:
        begun = time.monotonic()
        process = start(name, tmp_path / "whole")
        assert process.join() == 0, process.err
        undisturbed[name] = Undisturbed(left(Path("out")), time.monotonic() - begun)
        shutil.rmtree("out")
    told = []
    for number in range(draws.randint(1, 3)):
        process = start(name, tmp_path / str(number))
        how, after = draws.choice(SIGNALS), draws.uniform(0.02, 1) * undisturbed[name].seconds
        process.process.join(after)
        code = process.signal(how) if process.process.is_alive() else process.join()
        told.append(f"{how.name} after {after:.2f} s: {code} {process.err}")
        assert code in (0, -how, 128 + how), told
        assert "Traceback" not in process.err, told
    print(f"seed {seed}: {name}, {'; '.join(told)}")
    process = start(name, tmp_path / "last")
    assert process.join() == 0, (told, process.err)
    assert "Traceback" not in process.err
    assert left(Path("out")) == undisturbed[name].left, told
    assert list(Path("out").rglob(".*")) == [], told
