"""``fdd doctor``: what this installation has, lacks and finds, and the way to what it lacks."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from rich.filesize import decimal

from fdd_lightning.__about__ import __version__
from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.columns import print_columns
from fdd_lightning.configuration import menu
from fdd_lightning.errors import FDDError
from fdd_lightning.utils.next_step import say_next
from fdd_lightning.utils.paths import PACKAGE, cache_root, data_root
from fdd_lightning.utils.sizes import bytes_below

NAME = "fdd-lightning"
State = Literal["good", "missing", "broken"]
STYLES: dict[State, str] = {"good": "green", "missing": "yellow", "broken": "bold red"}

LEAST_FREE = 2 * 10**9
"""Bytes below which a run may end for want of room."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: Its name.
        text: What was found and, where something is missing, the way to it.
        state: ``missing`` can be done without; what is ``broken`` keeps the package from working.

    Example:
        >>> Finding("torch", "2.12.1").state
        'good'
    """

    what: str
    text: str
    state: State = "good"


def doctor(args: list[str]) -> int:
    """Look at everything and print what was found.

    Returns:
        The exit code: 0 where the package works, data sets or extras missing or not; 1 where it does not.
    """
    parser = LineParser(
        prog="fdd doctor",
        description="What this installation has, lacks and finds: packages, devices, compiler, data sets, cache. Exit "
        "code 0 when the package works, whatever data sets are missing; 1 when it does not.",
        example="fdd doctor",
    )
    parser.parse_args(args)
    findings = [*_python(), *_packages(), *_devices(), *_folders(), *_data_sets()]
    print_columns([(each.what, each.text) for each in findings], [STYLES[each.state] for each in findings])
    broken = [each.what for each in findings if each.state == "broken"]
    if broken:
        print(f"\nnot working: {', '.join(broken)}")
        return 1
    print("\nfdd-lightning works")
    say_next("fdd run quickstart")
    return 0


def _python() -> Iterator[Finding]:
    yield Finding(NAME, f"{__version__} in {PACKAGE}")
    yield Finding("python", f"{platform.python_version()} in {sys.prefix} on {platform.platform()}")


def _packages() -> Iterator[Finding]:
    """Look at what is required, and at each extra."""
    try:
        told = metadata(NAME)
    except PackageNotFoundError:
        yield Finding("packages", "not told, as this is not installed: python -m pip install -e .", "missing")
        return
    requirements = [Requirement(line) for line in told.get_all("Requires-Dist", [])]
    for each in requirements:
        if not _is_for("", each):
            continue
        lack = _lacking(each)
        if lack is None:
            yield Finding(each.name, version(each.name))
        else:
            yield Finding(each.name, f"{lack}: python -m pip install '{each}'", "broken")
    for extra in told.get_all("Provides-Extra", []):
        wanted = [each for each in requirements if _is_for(extra, each) and not _is_for("", each)]
        lacks = [f"{each.name} {lack}" for each in wanted if (lack := _lacking(each)) is not None]
        way = f"{', '.join(lacks)}: python -m pip install '{NAME}[{extra}]'"
        yield Finding(f"extra {extra}", way if lacks else "complete", "missing" if lacks else "good")


def _is_for(extra: str, requirement: Requirement) -> bool:
    """Tell whether something is required here with an extra (without any: "")."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _lacking(requirement: Requirement) -> str | None:
    """Return what is wrong with a package, in a few words; None where nothing is."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return "not installed"
    return None if requirement.specifier.contains(found, prereleases=True) else f"{found}, not {requirement.specifier}"


def _devices() -> Iterator[Finding]:
    """Look at what computes, and whether it does."""
    try:
        import torch
        from lightning.pytorch import Trainer  # noqa: F401 (whether it can be imported)

        from fdd_lightning.networks.arithmetic import has_bfloat16, has_compiler
        from fdd_lightning.utils.memory import physical_memory

        assert float(torch.ones(2, 2).matmul(torch.ones(2, 2)).sum()) == 8
    except Exception as error:  # whatever a damaged installation raises
        yield Finding("torch", f"does not work: {type(error).__name__}: {' '.join(str(error).split())[:300]}", "broken")
        return
    memory = decimal(physical_memory())
    yield Finding("cpu", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads of torch, {memory}")
    devices = ["cpu"]
    for i in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(i)
        yield Finding(f"gpu {i}", f"{facts.name}, {decimal(facts.total_memory)}, CUDA {torch.version.cuda}")
        devices = ["cpu", "cuda"]
    if torch.backends.mps.is_available():
        yield Finding("gpu", "Apple's, by mps")
    elif len(devices) == 1:
        yield Finding("gpu", "none: everything runs on the CPU, small recipes (_cpu) in minutes")
    for device in devices:
        extra = ", bfloat16 is faster here" if has_bfloat16(device) else ""
        if has_compiler(device):
            yield Finding(f"compiler for {device}", f"torch.compile works{extra}")
        else:
            lack = "Triton: python -m pip install triton" if device == "cuda" else "a C++ compiler (g++ or clang++)"
            yield Finding(f"compiler for {device}", f"long runs are not compiled: that needs {lack}", "missing")


def _folders() -> Iterator[Finding]:
    """Look at where things are read and written."""
    root = data_root()
    if root.is_dir():
        yield Finding("data root", str(root.absolute()))
    else:
        way = "make it, or export FDD_DATA=FOLDER; colored_digits and your own images need none"
        yield Finding("data root", f"{root.absolute()} does not exist: {way}", "missing")
    try:
        cache = cache_root()
    except FDDError as error:
        yield Finding("cache", str(error), "broken")
    else:
        if os.access(cache, os.W_OK):
            yield Finding("cache", f"{cache.absolute()}, {decimal(bytes_below(cache))} (fdd data clean empties it)")
        else:
            yield Finding("cache", f"{cache.absolute()} is closed to writing: export FDD_CACHE=FOLDER", "broken")
    here = Path.cwd()
    if os.access(here, os.W_OK):
        yield Finding("current folder", f"{here}: results come into runs/ below it")
    else:
        yield Finding("current folder", f"{here} is closed to writing: change to another, or name --output", "missing")
    free = shutil.disk_usage(here).free
    yield Finding("free disk", decimal(free), "good" if free > LEAST_FREE else "missing")


def _data_sets() -> Iterator[Finding]:
    """Look at which data sets there are."""
    try:
        from fdd_lightning.command_line.data_by_name import find
        from fdd_lightning.command_line.data_list import state_of
    except Exception:  # torch does not work, which was told
        return
    found: dict[str, list[str]] = {}
    reasons: dict[str, list[str]] = {}
    for name in menu.names("data"):
        try:
            data = find(name).data()
            if data.own_source:
                continue  # images of one's own are looked for where a command names them
            state, missing = state_of(data)
        except FDDError as error:
            state, missing = "missing", str(error)
        found.setdefault(state, []).append(name)
        if missing is not None:
            reasons.setdefault(missing.removeprefix(f"{name}: "), []).append(name)
    for state, names in found.items():
        if state != "missing":
            way = " (fdd data prepare NAME, or at first use)" if state == "to build" else ""
            yield Finding(f"data {state}", ", ".join(names) + way)
    for reason, names in reasons.items():
        yield Finding("data missing", f"{', '.join(names)}: {reason}", "missing")
