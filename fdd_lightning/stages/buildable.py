"""Whether a stage can be built as it is configured: tried without memory, before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch.accelerators import AcceleratorRegistry, CPUAccelerator
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from fdd_lightning.configuration.choices import Spec, build, import_class, is_spec
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import ConfigError, FDDError
from fdd_lightning.networks import Network
from fdd_lightning.utils.memory import physical_memory

LARGEST = 2**63 - 1


def require_buildable(model: Spec, data: BaseDataModule, facts: tuple[str, ...]) -> None:
    """Refuse a model, or a network in it, that cannot be built for the data.

    Args:
        model: The whole spec.
        data: The data module, not set up; where it cannot be had, only what needs no facts of it is tried.
        facts: What the model takes from the data.

    Raises:
        ConfigError: With the option, where a network is at fault, and the reason; or what the model asks of its data.
    """
    module: Any = import_class(model["class_path"])
    module.refuse_data(model.get("init_args") or {}, data)
    known = known_facts(data, facts)
    if known is None:
        return
    with _without_memory("--model"):
        build(model)(**known)
    shape = known["num_classes"], known["image_shape"]
    for key, spec in _networks(model, "model"):
        with _without_memory(f"--{key}"):
            build(spec)(*shape)


def known_facts(data: BaseDataModule, facts: tuple[str, ...]) -> dict[str, Any] | None:
    """Return what a model takes from its data; None where they cannot be had, which is said where they are read."""
    try:
        return {name: getattr(data, name) for name in facts}
    except FDDError:
        return None


def _networks(value: Any, key: str) -> Iterator[tuple[str, Spec]]:
    """Yield the specs of networks in some arguments, each with its option."""
    if is_spec(value):
        if issubclass(import_class(value["class_path"]), Network):
            yield key, value
            return
        value = value.get("init_args") or {}
    for name, part in value.items() if isinstance(value, Mapping) else ():
        yield from _networks(part, f"{key}.{name}")


@contextmanager
def _without_memory(option: str) -> Iterator[None]:
    """Build modules inside the block on torch's device without memory; what they would take is counted.

    Raises:
        ConfigError: They refuse their arguments, or would take more memory than the machine has.
    """
    left = physical_memory()

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left
        left -= 0 if parameter is None else parameter.numel() * parameter.element_size()
        if left < 0:
            raise ConfigError(f"{option}: it would take more than the memory of this machine: make it smaller")

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            yield
    except FDDError as error:
        text = str(error)
        raise ConfigError(text if text.startswith("--") else f"{option}: {text}") from error
    except Exception:  # a class that needs real memory to be built says itself what is wrong, when it is
        return
    finally:
        hook.remove()


def require_devices(trainer: Mapping[str, Any]) -> None:
    """Refuse hardware that is not here, before a process is started for each device.

    Raises:
        ConfigError: With the option and what there is.

    Example:
        >>> require_devices({"accelerator": "cpu", "devices": -3})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        fdd_lightning.errors.ConfigError: --trainer.devices: -3 is no number of processes: give one from 1 to ...
    """
    accelerator, devices = trainer["accelerator"], trainer["devices"]
    names = ["auto", "gpu", *AcceleratorRegistry.available_accelerators()]
    if isinstance(accelerator, str) and accelerator != "auto":
        if accelerator not in names:
            raise ConfigError(f"--trainer.accelerator: {accelerator!r} is none: choose one of {', '.join(names)}")
        kinds = ("cuda", "mps") if accelerator == "gpu" else (accelerator,)
        if not any(_is_here(kind) for kind in kinds):
            raise ConfigError(f"--trainer.accelerator: there is no {accelerator} here: take auto or cpu")
    alone = not (_is_here("cuda") or _is_here("mps"))
    if devices == "auto" or not (accelerator in ("cpu", "auto") and (accelerator == "cpu" or alone)):
        return
    most = max(os.cpu_count() or 1, CPUAccelerator.auto_device_count())
    if not str(devices).isdecimal() or not 1 <= int(devices) <= most:
        raise ConfigError(f"--trainer.devices: {devices} is no number of processes: give one from 1 to {most}")


def _is_here(kind: str) -> bool:
    """Tell whether there is an accelerator of a kind, and the package that drives it."""
    try:
        return bool(AcceleratorRegistry.get(kind).is_available())
    except ImportError:
        return False


def require_moderate(value: Any, key: str) -> None:
    """Refuse whole numbers beyond what a computer counts with.

    Raises:
        ConfigError: With the option.
    """
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ConfigError(f"--{key}: {str(value)[:40]} is too large a number")
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        require_moderate(part, key if name == "init_args" or isinstance(value, list) else f"{key}.{name}")
