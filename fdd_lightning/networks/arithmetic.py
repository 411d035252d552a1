"""How networks are computed: as they are written or compiled, and where the rounding of bfloat16 averages out."""

from __future__ import annotations

import json
import logging
import platform
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from fdd_lightning.configuration.choices import build, spec_of
from fdd_lightning.networks.base import NetworkFactory

T = TypeVar("T")
Compile: TypeAlias = Literal["auto", "on", "off"] | bool  # YAML reads on and off as bool
TargetPrecision: TypeAlias = Literal["auto", "float32", "bfloat16"]

WORTH = {"cpu": 3e13, "cuda": 3e14}
"""Floating-point operations of a run from which compiling pays: about two minutes of two cores, some of a GPU."""


class _Compiled:
    """A function that is compiled when it is first called; where that cannot be done it is run as it is written."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.written = function
        self.current = torch.compile(function)
        self.tried = False

    def __call__(self, *arguments: Any) -> Any:
        if self.tried:
            return self.current(*arguments)
        self.tried = True
        _announce()
        try:
            return self.current(*arguments)
        except Exception as error:  # whatever torch, a compiler or a driver comes to raise
            self.current = self.written
            found = self.written(*arguments)  # where the fault is in the function, it is raised here
            told = (str(error).split("\n")[0] or type(error).__name__)[:200]
            sys.stderr.write(f"warning: torch.compile cannot be had here ({told}): computed as written, only slower\n")
            return found


_compiled = cache(_Compiled)


@cache
def _announce() -> None:
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # tells of CUDA where none is asked for
    sys.stderr.write("compiling networks (torch.compile): up to a minute before the first steps, less the next time\n")


@dataclass(frozen=True)
class Arithmetic:
    """How the functions of a stage are computed. The results are those of the functions as written, but for rounding.

    Attributes:
        compiled: By ``torch.compile``.
        rounded: What is only averaged over many images passes networks in bfloat16; means are taken in full precision.

    Example:
        >>> Arithmetic()(torch.add, torch.tensor(1), torch.tensor(2))
        tensor(3)
    """

    compiled: bool = False
    rounded: bool = False

    def __call__(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a function, defined at the top of a module, gives; compiled where that is chosen."""
        found: T = _compiled(function)(*arguments) if self.compiled else function(*arguments)
        return found


WRITTEN = Arithmetic()
"""As everything is written."""


def rounding(device: str, rounded: bool) -> Any:
    """Return the context in which networks compute in bfloat16, or one that changes nothing."""
    return torch.autocast(device, torch.bfloat16) if rounded else nullcontext()


def chosen(compile: Compile, targets: TargetPrecision, device: str, operations: float) -> tuple[bool, bool]:
    """Return whether to compile, and whether to compute targets in bfloat16.

    What is left to us is decided by how much there is to compute and by what the hardware is, never by the clock: the
    same command comes to the same choice.

    Args:
        compile: ``auto``: where a run has enough to compute and the machine has a compiler.
        targets: ``auto``: bfloat16 where it is compiled and the hardware multiplies it faster.
        device: ``cpu``, ``cuda``, ...
        operations: Floating-point operations of the run, about.

    Example:
        >>> chosen("auto", "auto", "cpu", operations=1e9)
        (False, False)
    """
    enough = operations >= WORTH.get(device, float("inf")) and has_compiler(device)
    compiled = enough if compile == "auto" else compile in ("on", True)
    return compiled, compiled and has_bfloat16(device) if targets == "auto" else targets == "bfloat16"


@cache
def has_compiler(device: str) -> bool:
    """Tell whether ``torch.compile`` finds what it needs: a C++ compiler for CPUs, Triton for GPUs."""
    from torch.utils._triton import has_triton  # takes a while to import

    if device == "cuda":
        return bool(has_triton())
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        return bool(get_cpp_compiler())
    except Exception:  # there is none; the error's name has changed over time
        return False


@cache
def has_bfloat16(device: str) -> bool:
    """Tell whether the hardware multiplies bfloat16 faster than float32: GPUs from Ampere on, x86 with AVX512-BF16."""
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    flags = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and flags.is_file() and "avx512_bf16" in flags.read_text()


def operations_of(network: NetworkFactory, num_classes: int, image_shape: tuple[int, int, int]) -> float:
    """Return the floating-point operations of one image's way forward; 0 where that cannot be told beforehand.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> operations_of(MLP, 10, (1, 4, 4)) > 0
        True
    """
    factory: Any = network
    try:
        given = json.dumps(spec_of(getattr(factory, "keywords", {})), sort_keys=True)
        return _operations(
            getattr(factory, "func", factory), getattr(factory, "args", ()), given, num_classes, image_shape
        )
    except TypeError:  # an argument that is no plain value
        return _counted(network, num_classes, image_shape)


@cache
def _operations(
    factory: Any, args: tuple[Any, ...], given: str, num_classes: int, image_shape: tuple[int, int, int]
) -> float:
    """Return what :func:`operations_of` does; a grid asks for the same few networks again and again."""
    return _counted(
        partial(factory, *args, **{key: build(value) for key, value in json.loads(given).items()}),
        num_classes,
        image_shape,
    )


def _counted(network: NetworkFactory, num_classes: int, image_shape: tuple[int, int, int]) -> float:
    counter = FlopCounterMode(display=False)
    try:
        with torch.device("meta"), torch.no_grad(), counter:
            network(num_classes, image_shape)(torch.zeros(1, *image_shape))
    except Exception:  # a network of the user's own that needs real numbers
        return 0.0
    return float(counter.get_total_flops())
